import { SallyportError } from '../kernel/index.ts'

export type KeyErrorCode =
  | 'master_key_missing'
  | 'master_key_invalid'
  | 'master_key_exposed'
  | 'master_key_wrong'
  | 'seal_broken'

export class KeyError extends SallyportError<KeyErrorCode> {}
