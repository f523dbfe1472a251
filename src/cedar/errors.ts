import { SallyportError } from '../kernel/index.ts'

export type CedarErrorCode =
  | 'json_invalid'
  | 'policies_invalid'
  | 'schema_invalid'
  | 'entities_invalid'
  | 'request_invalid'
  | 'not_translatable'

/** Something that is wrong with a policy or a schema, and where. Lines and columns count from 1, columns in UTF-16. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly help?: string
  /** The id of the policy, where it is known. */
  readonly policy?: string
  /** The name of the source, where it has one. */
  readonly source?: string
  readonly line?: number
  readonly column?: number
}

/** What the engine refuses. `problems` lists all that was found, not only the first. */
export class CedarError extends SallyportError<CedarErrorCode> {
  readonly problems: readonly Problem[]

  constructor(
    code: CedarErrorCode,
    message: string,
    options: { detail?: string; cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(code, message, options)
    this.problems = options.problems ?? []
  }
}

/** The error for a list of problems: its message says the first, `problems` holds all. */
export function errorOf(code: CedarErrorCode, problems: readonly Problem[]): CedarError {
  const [first, ...more] = problems.filter((problem) => problem.severity === 'error')
  const text = first === undefined ? 'invalid' : problemText(first)
  return new CedarError(code, more.length === 0 ? text : `${text}; and ${more.length} more`, { problems })
}

/** One line for a person: `file:3:7: message`. */
export function problemText({ source, line, column, message, help }: Problem): string {
  const place = [source, line, column].filter((part) => part !== undefined).join(':')
  return `${place === '' ? '' : `${place}: `}${message}${help === undefined ? '' : ` (${help})`}`
}
