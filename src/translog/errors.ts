import { SallyportError } from '../kernel/index.ts'

export type TranslogErrorCode =
  | 'note_malformed'
  | 'note_unverified'
  | 'checkpoint_malformed'
  | 'receipt_malformed'
  | 'bundle_malformed'
  | 'tile_missing'
  | 'entry_too_large'
  | 'verifier_key_malformed'

/** Something of a transparency log that does not have the form its specification gives it, or is not signed. */
export class TranslogError extends SallyportError<TranslogErrorCode> {}
