import { SallyportError } from '../kernel/index.ts'

export type HttpErrorCode =
  | 'body_too_large'
  | 'body_not_json'
  | 'body_invalid'
  | 'query_invalid'
  | 'route_unknown'
  | 'tenant_unknown'
  | 'principal_unknown'
  | 'denied'
  | 'limit_reached'

export class HttpError extends SallyportError<HttpErrorCode> {
  /** Fields beside `code` and `message` in the answer: safe for the caller. */
  readonly extra: Readonly<Record<string, unknown>>
  /** Seconds after which the same request would do. */
  readonly retryAfter: number | undefined

  constructor(
    code: HttpErrorCode,
    publicMessage: string,
    options: {
      detail?: string
      cause?: unknown
      extra?: Readonly<Record<string, unknown>>
      retryAfter?: number
    } = {},
  ) {
    super(code, publicMessage, options)
    this.extra = options.extra ?? {}
    this.retryAfter = options.retryAfter
  }
}
