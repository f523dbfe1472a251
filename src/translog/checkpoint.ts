import { type Checkpoint, formatCheckpointText, parseCheckpointText } from './checkpoint-text.ts'
import { TranslogError } from './errors.ts'
import { type NoteSigner, parseNote, type SignedNote, signNote, verifyNote } from './signed-note.ts'
import type { Verifier } from './verifier-key.ts'

export interface VerifiedCheckpoint extends Checkpoint {
  readonly note: SignedNote
}

/** The checkpoint as a signed note. The log's own signature comes first. */
export function signCheckpoint(checkpoint: Omit<Checkpoint, 'extensions'>, signers: readonly NoteSigner[]): string {
  return signNote(formatCheckpointText(checkpoint), signers)
}

/** Reads a checkpoint without verifying it. Throws `note_malformed`, `checkpoint_malformed`. */
export function parseCheckpoint(note: string): VerifiedCheckpoint {
  return fromNote(parseNote(note))
}

/**
 * Reads a checkpoint that one of `verifiers` has signed. `note.signatures` are the verified ones. Whether the origin
 * is the one the caller asked for is the caller's to check. Throws `note_malformed`, `note_unverified`,
 * `checkpoint_malformed`.
 */
export function verifyCheckpoint(note: string, verifiers: readonly Verifier[]): VerifiedCheckpoint {
  return fromNote(verifyNote(note, verifiers))
}

function fromNote(note: SignedNote): VerifiedCheckpoint {
  const checkpoint = parseCheckpointText(note.text)
  if (checkpoint === undefined) throw new TranslogError('checkpoint_malformed', 'the note is not a checkpoint')
  return { ...checkpoint, note }
}
