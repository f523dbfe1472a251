import { SallyportError } from '../kernel/index.ts'

export type AuditErrorCode =
  /** nothing can be written now; it may be tried again */
  | 'log_unavailable'
  /** more is waiting to be written than the queue holds */
  | 'log_overloaded'
  /** the file is not a log of ours, or lacks what it once held */
  | 'log_corrupt'
  | 'record_invalid'
  | 'record_unknown'
  | 'search_invalid'

export class AuditError extends SallyportError<AuditErrorCode> {}
