/**
 * The root of every error that Sallyport raises on purpose. Each room extends it once, with its own union of codes.
 * `publicMessage` may be shown to anyone: lower case, no final period, user input in backticks, nothing about why a
 * credential failed. `detail` goes to the operator's log only.
 */
export abstract class SallyportError<Code extends string = string> extends Error {
  readonly code: Code
  readonly publicMessage: string
  readonly detail: string | undefined

  constructor(code: Code, publicMessage: string, options: { detail?: string; cause?: unknown } = {}) {
    super(
      options.detail === undefined ? publicMessage : `${publicMessage} (${options.detail})`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = new.target.name
    this.code = code
    this.publicMessage = publicMessage
    this.detail = options.detail
  }
}

/** The text of whatever was thrown, for logs. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
