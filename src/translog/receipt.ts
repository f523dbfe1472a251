import { type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { TranslogError } from './errors.ts'
import { HASH_SIZE } from './hashing.ts'
import { isIncluded } from './proofs.ts'
import type { Verifier } from './verifier-key.ts'

/** The proof that a leaf is in a log: what a `.tlog-proof` file holds (C2SP tlog-proof). */
export interface Receipt {
  /** opaque and not authenticated by itself */
  readonly extra: Uint8Array | undefined
  readonly index: number
  readonly proof: readonly Uint8Array[]
  /** the signed checkpoint, verbatim */
  readonly checkpoint: string
}

export function formatReceipt(receipt: Receipt): string {
  const lines = ['c2sp.org/tlog-proof@v1']
  if (receipt.extra !== undefined) lines.push(`extra ${Buffer.from(receipt.extra).toString('base64')}`)
  lines.push(`index ${receipt.index}`)
  for (const hash of receipt.proof) lines.push(Buffer.from(hash).toString('base64'))
  return `${lines.join('\n')}\n\n${receipt.checkpoint}`
}

/** Throws `receipt_malformed`. */
export function parseReceipt(text: string): Receipt {
  const end = text.indexOf('\n\n')
  if (text.length > MAX_RECEIPT || end < 0) throw malformed()
  const [header, ...lines] = text.slice(0, end).split('\n')
  if (header !== 'c2sp.org/tlog-proof@v1') throw malformed()
  const extra = lines[0]?.startsWith('extra ') === true ? parseBase64(lines.shift()?.slice(6) ?? '') : undefined
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1]
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw malformed()
  const proof = lines.map(parseBase64)
  if (proof.length > MAX_PATH || proof.some((hash) => hash.length !== HASH_SIZE)) throw malformed()
  return { extra, index: Number(index), proof, checkpoint: text.slice(end + 2) }
}

/**
 * The checkpoint that the receipt proves the leaf into. Throws `note_unverified` where no known key of the log has
 * signed it, `receipt_malformed` where the path does not lead from the leaf to its root, and what parsing throws.
 */
export function verifyReceipt(
  receipt: Receipt,
  leaf: Uint8Array,
  log: { readonly origin: string; readonly verifiers: readonly Verifier[] },
): VerifiedCheckpoint {
  const checkpoint = verifyCheckpoint(receipt.checkpoint, log.verifiers)
  if (checkpoint.origin !== log.origin) {
    throw new TranslogError('note_unverified', `the checkpoint is of the log \`${checkpoint.origin}\``)
  }
  if (!isIncluded(leaf, receipt.index, checkpoint.size, receipt.proof, checkpoint.root)) {
    throw new TranslogError('receipt_malformed', 'the receipt does not prove this record')
  }
  return checkpoint
}

const MAX_RECEIPT = 1024 * 1024
const MAX_PATH = 64

function parseBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (text === '' || bytes.toString('base64') !== text) throw malformed()
  return bytes
}

function malformed(): TranslogError {
  return new TranslogError('receipt_malformed', 'this is not a receipt in the form c2sp.org/tlog-proof@v1')
}
