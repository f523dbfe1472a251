import { SallyportError } from '../kernel/index.ts'

export type GatewayErrorCode =
  | 'unauthenticated'
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
  | 'catalog_invalid'
  | 'tool_unknown'

export class GatewayError extends SallyportError<GatewayErrorCode> {}

/** The HTTP status of each code; the table of the edge includes this one. */
export const GATEWAY_STATUS: Readonly<Record<GatewayErrorCode, number>> = {
  unauthenticated: 401,
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
  catalog_invalid: 422,
  tool_unknown: 404,
}
