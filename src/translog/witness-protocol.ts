import { type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { parseCheckpointText } from './checkpoint-text.ts'
import { TranslogError } from './errors.ts'
import { EMPTY_ROOT, equalHashes, HASH_SIZE } from './hashing.ts'
import { isConsistent } from './proofs.ts'
import { parseNote } from './signed-note.ts'
import type { Verifier } from './verifier-key.ts'

/** What a log asks of a witness (C2SP tlog-witness, add-checkpoint). */
export interface AddCheckpoint {
  /** the size that the witness is believed to have cosigned last; 0 where there is none */
  readonly old: number
  /** that the tree of that size is a prefix of the checkpoint's */
  readonly proof: readonly Uint8Array[]
  /** the signed checkpoint, verbatim */
  readonly checkpoint: string
}

/** What a witness remembers of a log. */
export interface WitnessedState {
  readonly size: number
  readonly root: Uint8Array
}

/** What a witness is to do. `status` is HTTP's, and `size` what stands in the answer to a conflict. */
export type WitnessVerdict =
  | { readonly kind: 'cosign'; readonly checkpoint: VerifiedCheckpoint }
  | { readonly kind: 'refuse'; readonly status: 400 | 403 | 404 | 422; readonly why: string }
  | { readonly kind: 'conflict'; readonly status: 409; readonly size: number; readonly why: string }

export function formatAddCheckpoint({ old, proof, checkpoint }: AddCheckpoint): string {
  const hashes = proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')
  return `old ${old}\n${hashes}\n${checkpoint}`
}

/** `undefined` where the text is not a request. The checkpoint is not looked at. */
export function parseAddCheckpoint(text: string): AddCheckpoint | undefined {
  const end = text.indexOf('\n\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\n')
  const old = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1]
  if (old === undefined || !Number.isSafeInteger(Number(old)) || lines.length > MAX_PROOF) return undefined
  const proof = lines.map((line) => Buffer.from(line, 'base64'))
  const areHashes = proof.every((hash, i) => hash.length === HASH_SIZE && hash.toString('base64') === lines[i])
  return areHashes ? { old: Number(old), proof, checkpoint: text.slice(end + 2) } : undefined
}

/**
 * Whether a witness that trusts `verifiers` (each named like the origin of its log) and remembers `stateOf(origin)` may
 * cosign. Before it answers with its signature, it must remember the checkpoint durably.
 */
export function judgeAddCheckpoint(
  text: string,
  verifiers: readonly Verifier[],
  stateOf: (origin: string) => WitnessedState | undefined,
): WitnessVerdict {
  const request = parseAddCheckpoint(text)
  const origin = request && originOf(request.checkpoint)
  if (request === undefined || origin === undefined) return refuse(400, 'this is not a request to add a checkpoint')
  const known = verifiers.filter((verifier) => verifier.name === origin)
  if (known.length === 0) return refuse(404, `the log \`${origin}\` is not known here`)
  let checkpoint: VerifiedCheckpoint
  try {
    checkpoint = verifyCheckpoint(request.checkpoint, known)
  } catch (error) {
    if (!(error instanceof TranslogError)) throw error
    return refuse(403, error.publicMessage)
  }
  const { size, root } = checkpoint
  const { old, proof } = request
  if (old > size) return refuse(400, `the old size ${old} is larger than the checkpoint's ${size}`)
  const state = stateOf(origin) ?? { size: 0, root: EMPTY_ROOT }
  if (old !== state.size) return conflict(state.size, `the last size cosigned here is ${state.size}`)
  if (old === size) {
    if (!equalHashes(root, state.root)) return conflict(state.size, `another tree of size ${size} was cosigned here`)
    return proof.length === 0 ? { kind: 'cosign', checkpoint } : refuse(422, 'there is nothing to prove')
  }
  // Every tree begins as the empty one: from size 0 the proof is empty.
  const proven = old === 0 ? proof.length === 0 : isConsistent(old, size, proof, state.root, root)
  return proven ? { kind: 'cosign', checkpoint } : refuse(422, `the tree of size ${old} is not shown to be its prefix`)
}

const MAX_PROOF = 63

function originOf(checkpoint: string): string | undefined {
  try {
    return parseCheckpointText(parseNote(checkpoint).text)?.origin
  } catch {
    return undefined
  }
}

function refuse(status: 400 | 403 | 404 | 422, why: string): WitnessVerdict {
  return { kind: 'refuse', status, why }
}

function conflict(size: number, why: string): WitnessVerdict {
  return { kind: 'conflict', status: 409, size, why }
}
