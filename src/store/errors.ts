import { SallyportError } from '../kernel/index.ts'

export type StoreErrorCode =
  | 'data_in_use'
  | 'data_unreadable'
  | 'data_corrupt'
  | 'data_too_new'
  | 'tenant_unknown'
  | 'nested_transaction'

export class StoreError extends SallyportError<StoreErrorCode> {}
