import { SallyportError } from '../kernel/index.ts'

export type IdentityErrorCode =
  | 'manifest_invalid'
  | 'principal_unknown'
  | 'key_unknown'
  | 'key_invalid'
  | 'secret_not_needed'
  | 'fact_invalid'

export class IdentityError extends SallyportError<IdentityErrorCode> {}
