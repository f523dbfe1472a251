import { SallyportError } from '../kernel/index.ts'

export type AccessErrorCode =
  | 'policies_invalid'
  | 'settings_invalid'
  | 'resources_invalid'
  | 'list_invalid'
  | 'list_entry_unknown'
  | 'lists_full'
  | 'locked_out'

export class AccessError extends SallyportError<AccessErrorCode> {}
