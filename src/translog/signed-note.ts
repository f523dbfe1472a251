import { TranslogError } from './errors.ts'
import { type Verifier, verifierFor } from './verifier-key.ts'

/** Signs the text of a note; `name` and `id` stand in the signature line. */
export interface NoteSigner {
  readonly name: string
  readonly id: number
  sign(text: string): Uint8Array
}

export interface NoteSignature {
  readonly name: string
  readonly id: number
  /** what follows the key id */
  readonly signature: Uint8Array
}

export interface SignedNote {
  /** with its final newline */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A note of `text`, which ends in a newline, signed by each of `signers` in turn (C2SP signed-note). */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  checkText(text)
  return `${text}\n${signers.map((signer) => signatureLine(signer.name, signer.id, signer.sign(text))).join('')}`
}

/** Adds a signature line that somebody else made to a note. */
export function addSignature(note: string, { name, id, signature }: NoteSignature): string {
  parseNote(note)
  return note + signatureLine(name, id, signature)
}

/** Takes a note apart without verifying anything. Throws `note_malformed`. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE) throw malformed('it is too long')
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) throw malformed('it has no signatures')
  const text = note.slice(0, end + 1)
  checkText(text)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw malformed('it has too many signatures')
  return { text, signatures: lines.map(parseSignatureLine) }
}

/**
 * The note's parts with only the signatures of `verifiers`, all of them verified. Signatures of unknown keys are left
 * out. Throws `note_malformed`, or `note_unverified` where no known key signed or one of them did so wrongly.
 */
export function verifyNote(note: string, verifiers: readonly Verifier[]): SignedNote {
  const parsed = parseNote(note)
  const known = parsed.signatures.filter((signature) => {
    const verifier = verifierFor(verifiers, signature)
    if (verifier === undefined) return false
    if (verifier.verify(parsed.text, signature.signature)) return true
    throw new TranslogError('note_unverified', `the signature of \`${signature.name}\` is wrong`)
  })
  if (known.length === 0) throw new TranslogError('note_unverified', 'no known key has signed')
  return { text: parsed.text, signatures: known }
}

// Post-quantum signatures take nearly 5 kB each; sixteen signatures must always pass.
const MAX_SIGNATURES = 64
const MAX_NOTE = 512 * 1024
const SIGNATURE_LINE = /^— ([^\p{Z}\s+]+) ([A-Za-z0-9+/]+={0,2})$/u

function checkText(text: string): void {
  if (!text.endsWith('\n')) throw malformed('its text does not end in a newline')
  if (hasControlCharacter(text) || !text.isWellFormed()) throw malformed('its text holds a control character')
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 && code !== 0x0a) return true
  }
  return false
}

function signatureLine(name: string, id: number, signature: Uint8Array): string {
  const bytes = Buffer.alloc(4 + signature.length)
  bytes.writeUInt32BE(id, 0)
  bytes.set(signature, 4)
  return `— ${name} ${bytes.toString('base64')}\n`
}

function parseSignatureLine(line: string): NoteSignature {
  const match = SIGNATURE_LINE.exec(line)
  const [, name = '', base64 = ''] = match ?? []
  const bytes = Buffer.from(base64, 'base64')
  if (match === null || bytes.length < 5 || bytes.toString('base64') !== base64) {
    throw malformed('a signature line is not one')
  }
  return { name, id: bytes.readUInt32BE(0), signature: bytes.subarray(4) }
}

function malformed(why: string): TranslogError {
  return new TranslogError('note_malformed', `this is not a signed note: ${why}`)
}
