import { SallyportError } from '../kernel/index.ts'

export type AuditErrorCode =
  /** nothing can be written now; it may be tried again */
  | 'log_unavailable'
  /** more is waiting to be written than the queue holds */
  | 'log_overloaded'
  /** the file is not a log of ours, or lacks what it once held */
  | 'log_corrupt'
  /** the file is not what was signed last under its name: it was restored, or cut off */
  | 'log_restored'
  | 'record_invalid'
  | 'record_unknown'
  | 'search_invalid'
  /** a receiver of exported records did not take them; it is tried again */
  | 'export_failed'
  /** a receiver of exported records says that it will never take them as they are */
  | 'export_refused'
  | 'export_unknown'

export class AuditError extends SallyportError<AuditErrorCode> {}
