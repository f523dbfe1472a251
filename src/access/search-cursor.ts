import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../kernel/index.ts'
import { AccessError } from './errors.ts'

/** Seals what only this tenant can open again. Satisfied by the key ring. */
export interface CursorSealer {
  seal(plaintext: Uint8Array, associated: string): Uint8Array
  /** Throws for what it did not seal, or not for this. */
  open(sealed: Uint8Array, associated: string): Uint8Array
}

/** What a cursor belongs to. */
export interface CursorPlace {
  /** Everything that was asked but the cursor, in the form of the API. */
  readonly question: Json
  /** Who asks. */
  readonly asker: string
  readonly revision: string
}

/**
 * Where the next page begins, for somebody who can neither read nor change it. It opens for the same question of the
 * same asker under the same policies, and for nothing else.
 */
export function sealCursor(after: string, place: CursorPlace, sealer: CursorSealer): string {
  return Buffer.from(sealer.seal(Buffer.from(after), associatedOf(place))).toString('base64url')
}

/** Throws `cursor_invalid`, which says the same whatever is wrong with it. */
export function openCursor(cursor: string, place: CursorPlace, sealer: CursorSealer): string {
  try {
    return Buffer.from(sealer.open(Buffer.from(cursor, 'base64url'), associatedOf(place))).toString('utf8')
  } catch (cause) {
    throw new AccessError('cursor_invalid', 'the token belongs to no page of this search', { cause })
  }
}

function associatedOf({ question, asker, revision }: CursorPlace): string {
  return `search-cursor ${createHash('sha256').update(canonicalJson({ question, asker, revision })).digest('hex')}`
}
