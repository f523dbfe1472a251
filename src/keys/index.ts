export { KeyError, type KeyErrorCode } from './errors.ts'
export {
  type KeyRing,
  type LogSigner,
  openKeyRing,
  readLogSealing,
  type SigningKey,
  type VerificationKey,
} from './key-ring.ts'
export { type MasterKey, openMasterKey } from './master-key.ts'
