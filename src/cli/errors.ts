import { SallyportError } from '../kernel/index.ts'

export type CliErrorCode = 'credentials_missing' | 'unreachable' | 'refused' | 'usage'

export class CliError extends SallyportError<CliErrorCode> {}
