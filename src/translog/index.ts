export { parseCheckpoint, signCheckpoint, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
export type { Checkpoint } from './checkpoint-text.ts'
export { encodeEntryBundle, MAX_ENTRY_SIZE, parseEntryBundle } from './entry-bundle.ts'
export { TranslogError, type TranslogErrorCode } from './errors.ts'
export { EMPTY_ROOT, equalHashes, HASH_SIZE, leafHash } from './hashing.ts'
export { consistencyProof, inclusionProof, isConsistent, isIncluded, type RangeHash } from './proofs.ts'
export { formatReceipt, parseReceipt, type Receipt, verifyReceipt } from './receipt.ts'
export { addSignature, type NoteSigner, parseNote, signNote, verifyNote } from './signed-note.ts'
export { ed25519Cosigner, ed25519Signer, mlDsaCosigner, type SignerKey } from './signers.ts'
export { formatTilePath, parseTilePath, TILE_WIDTH, type TilePath, tileWidth } from './tile-path.ts'
export { rangeHashFromTiles, type TileLookup } from './tile-tree.ts'
export { type FullTile, perfectRoot, TreeBuilder } from './tree-builder.ts'
export { createVerifier, formatVerifierKey, parseVerifierKey, type Verifier } from './verifier-key.ts'
export {
  type AddCheckpoint,
  formatAddCheckpoint,
  judgeAddCheckpoint,
  parseAddCheckpoint,
  type WitnessedState,
  type WitnessVerdict,
} from './witness-protocol.ts'
