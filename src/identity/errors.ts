import { SallyportError } from '../kernel/index.ts'

export type IdentityErrorCode =
  | 'manifest_invalid'
  | 'principal_unknown'
  | 'gateway_key_unknown'
  | 'gateway_key_invalid'
  | 'secret_not_needed'

export class IdentityError extends SallyportError<IdentityErrorCode> {}
