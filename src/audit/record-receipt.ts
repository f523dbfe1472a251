import { leafHash, parseReceipt, TranslogError, type Verifier, verifyNote, verifyReceipt } from '../translog/index.ts'
import { commitTo } from './body-cipher.ts'
import { type BodyText, parseBodyText } from './body-text.ts'
import { AuditError } from './errors.ts'
import { type Leaf, parseLeaf } from './leaf.ts'

/** What a receipt proves, with nothing but the log's public keys. */
export interface ProvenRecord {
  readonly index: number
  /** when, of which kind, and the commitment to the body */
  readonly leaf: Leaf
  /** size of the log that the receipt's checkpoint signs */
  readonly size: number
  /** Names of the witnesses that saw this state of the log; none means: unwitnessed. */
  readonly witnesses: readonly string[]
  /** The body, where its opening was given and is the one committed to. */
  readonly content?: BodyText
}

/**
 * Verifies a record's `.tlog-proof` offline. With the opening of the body it also proves what the record says. Throws
 * `TranslogError` where the receipt proves nothing, `record_invalid` where leaf or opening do not fit.
 */
export function verifyRecordReceipt(
  text: string,
  log: {
    readonly origin: string
    readonly verifiers: readonly Verifier[]
    readonly witnesses?: readonly Verifier[]
    /** How many of the witnesses must have cosigned: k valid cosignatures out of n known (C2SP tlog-proof). */
    readonly quorum?: number
  },
  opening?: { readonly salt: Uint8Array; readonly text: string },
): ProvenRecord {
  const receipt = parseReceipt(text)
  const leaf = receipt.extra && parseLeaf(receipt.extra)
  if (receipt.extra === undefined || leaf === undefined) {
    throw new AuditError('record_invalid', 'the receipt does not carry a record of this log')
  }
  const { size } = verifyReceipt(receipt, leafHash(receipt.extra), log)
  const witnesses = (log.witnesses ?? []).filter((witness) => isSignedBy(receipt.checkpoint, witness))
  // A witness with several keys is one witness.
  const names = [...new Set(witnesses.map(({ name }) => name))]
  if (names.length < (log.quorum ?? 0)) {
    const why = `${names.length} of the witnesses that are trusted have cosigned the receipt, not ${log.quorum}`
    throw new TranslogError('note_unverified', why)
  }
  const proven = { index: receipt.index, leaf, size, witnesses: names }
  if (opening === undefined) return proven
  const content = parseBodyText(opening.text)
  if (content === undefined || !commitTo(opening.salt, opening.text).equals(leaf.commitment)) {
    throw new AuditError('record_invalid', 'this is not the body that the record commits to')
  }
  return { ...proven, content }
}

function isSignedBy(checkpoint: string, witness: Verifier): boolean {
  try {
    return verifyNote(checkpoint, [witness]).signatures.length > 0
  } catch {
    return false
  }
}
