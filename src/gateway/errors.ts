import { SallyportError } from '../kernel/index.ts'

export type GatewayErrorCode =
  | 'endpoint_unknown'
  | 'model_unknown'
  | 'server_unknown'
  | 'session_unknown'
  | 'body_too_large'
  | 'body_not_json'
  | 'body_invalid'
  | 'headers_invalid'
  | 'upstream_unreachable'
  | 'upstream_timeout'
  | 'upstream_broken'
  | 'client_gone'
  | 'cut'
  | 'tool_unknown'
  | 'method_not_allowed'
  | 'arguments_invalid'
  | 'version_unsupported'
  | 'origin_refused'
  | 'txn_unknown'
  | 'too_many_streams'
  | 'internal'

export class GatewayError extends SallyportError<GatewayErrorCode> {
  /** What was asked for, where that is known although it could not be decided; for the record. */
  readonly about: Asked | undefined

  constructor(
    code: GatewayErrorCode,
    publicMessage: string,
    options: { detail?: string; cause?: unknown; about?: Asked } = {},
  ) {
    super(code, publicMessage, options)
    this.about = options.about
  }
}

interface Asked {
  readonly action: string
  readonly resource: { readonly type: string; readonly id: string }
}

/** The HTTP status of each code; the table of the edge includes this one. */
export const GATEWAY_STATUS: Readonly<Record<GatewayErrorCode, number>> = {
  endpoint_unknown: 404,
  model_unknown: 404,
  server_unknown: 404,
  session_unknown: 404,
  body_too_large: 413,
  body_not_json: 400,
  body_invalid: 400,
  headers_invalid: 400,
  upstream_unreachable: 502,
  upstream_timeout: 504,
  upstream_broken: 502,
  // nobody is there to read it; the number other proxies use in their logs
  client_gone: 499,
  cut: 403,
  tool_unknown: 404,
  method_not_allowed: 405,
  arguments_invalid: 400,
  version_unsupported: 400,
  // the `Origin` header of a browser, not the origin of a value
  origin_refused: 403,
  txn_unknown: 400,
  too_many_streams: 429,
  internal: 500,
}

// What comes out of the rooms below while a request is served.
const BELOW: Readonly<Record<string, number>> = {
  no_credentials: 401,
  invalid_token: 401,
  log_unavailable: 503,
  log_overloaded: 503,
  log_restored: 503,
  store_unavailable: 503,
  limits_unavailable: 503,
}

/** The HTTP status of whatever a request can fail with. */
export function statusOf(error: unknown): number {
  if (error instanceof GatewayError) return GATEWAY_STATUS[error.code]
  return error instanceof SallyportError ? (BELOW[error.code] ?? 500) : 500
}
