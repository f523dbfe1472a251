import { SallyportError } from '../kernel/index.ts'

export type AccessErrorCode =
  | 'policies_invalid'
  | 'settings_invalid'
  | 'limits_unavailable'
  | 'limit_unknown'
  | 'reservation_unknown'
  | 'resources_invalid'
  | 'cursor_invalid'
  | 'list_invalid'
  | 'list_entry_unknown'
  | 'lists_full'
  | 'locked_out'
  | 'approval_unknown'
  | 'approval_over'
  | 'approval_useless'

export class AccessError extends SallyportError<AccessErrorCode> {}
