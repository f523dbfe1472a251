import { createCipheriv, createDecipheriv, hash, type KeyObject, randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { ROOT_SIZE } from './body-cipher.ts'
import { AuditError } from './errors.ts'

/** Under which keys a body is sealed. `root` is what `sealBody` derives the body's own key from. */
export interface Seal {
  readonly id: number
  readonly root: Uint8Array
}

/** A key that can be destroyed. Its fingerprint is its own and says nothing about it. */
export interface BodyKey {
  readonly id: number
  readonly fingerprint: string
}

/** Why a body cannot be opened: a key of its seal was destroyed, or what the file says of its seal is not true. */
export type SealFailure = 'destroyed' | 'broken'

type KeyKind = 'class' | 'person' | 'terms'

/**
 * The keys of bodies: a body needs the key of its retention class and day and the key of every person it names, all
 * of them together. Destroying any one of them makes it unreadable for good.
 */
export class BodyKeys {
  readonly #sealing: KeyObject
  readonly #seals = new Map<string, Seal>()
  readonly #roots = new Map<number, Uint8Array | SealFailure>()
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync, sealing: KeyObject) {
    this.#db = db
    this.#sealing = sealing
  }

  /** The seal for a body of that class, day and persons; makes what is missing, so it belongs in a transaction. */
  sealFor(retention: string, at: number, persons: readonly string[]): Seal {
    const day = Math.floor(at / DAY)
    const name = `${retention}\n${day}\n${persons.length === 1 ? persons[0] : persons.join('\n')}`
    const known = this.#seals.get(name)
    if (known !== undefined) return known
    const ids = [this.#keyNamed('class', retention, day), ...persons.map((id) => this.#keyNamed('person', id, 0))]
    const seal = this.#sealOver(ids)
    if (this.#seals.size >= MAX_CACHED) this.#seals.clear()
    this.#seals.set(name, seal)
    return seal
  }

  /** The root of a seal that a record names. */
  rootOf(seal: number): Uint8Array | SealFailure {
    const known = this.#roots.get(seal)
    if (known !== undefined) return known
    const row = this.#db.prepare('SELECT keys FROM seals WHERE id = ?').get(seal)
    const ids = parseIds(row?.keys)
    const root = ids === undefined ? 'broken' : this.#rootOver(ids)
    if (this.#roots.size >= MAX_CACHED) this.#roots.clear()
    this.#roots.set(seal, root)
    return root
  }

  /** The key that search terms are made pseudonymous with; `undefined` as long as there is none. */
  termKey(options: { create: boolean }): Uint8Array | undefined {
    const row = this.#find('terms', 'terms', 0)
    if (row === undefined && !options.create) return undefined
    const key = this.#unwrap(row ?? this.#keyNamed('terms', 'terms', 0))
    return typeof key === 'string' ? undefined : key
  }

  /** The key of a person, while it is there. */
  ofPerson(person: string): BodyKey | undefined {
    const row = this.#db.prepare("SELECT id FROM body_keys WHERE kind = 'person' AND name = ?").get(person)
    return row === undefined ? undefined : this.#described(Number(row.id))
  }

  /** The keys of a retention class from before a day, counted from the epoch. */
  ofClassBefore(retention: string, day: number): BodyKey[] {
    const rows = this.#db
      .prepare("SELECT id FROM body_keys WHERE kind = 'class' AND name = ? AND day < ?")
      .all(retention, day)
    return rows.flatMap((row) => this.#described(Number(row.id)) ?? [])
  }

  /** Keys with one of these fingerprints that are still there. */
  withFingerprints(fingerprints: ReadonlySet<string>): BodyKey[] {
    const rows = this.#db.prepare('SELECT id FROM body_keys WHERE wrapped IS NOT NULL').all()
    const keys = rows.flatMap((row) => this.#described(Number(row.id)) ?? [])
    return keys.filter((key) => fingerprints.has(key.fingerprint))
  }

  /** The seals that need this key. */
  sealsWith(key: number): number[] {
    const rows = this.#db
      .prepare('SELECT id FROM seals WHERE EXISTS (SELECT 1 FROM json_each(seals.keys) WHERE value = ?)')
      .all(key)
    return rows.map((row) => Number(row.id))
  }

  /** Destroys a key, and the name that it had; belongs in a transaction. */
  destroy(key: number): void {
    this.#db.prepare('UPDATE body_keys SET name = NULL, wrapped = NULL WHERE id = ?').run(key)
    this.forgetCached()
  }

  #described(id: number): BodyKey | undefined {
    const key = this.#unwrap(id)
    if (typeof key === 'string') return undefined
    return { id, fingerprint: hash('sha256', Buffer.concat([FINGERPRINT_LABEL, key]), 'base64url') }
  }

  /** Checks every key by itself: ids of those that cannot be unwrapped though they were not destroyed. */
  brokenKeys(): number[] {
    const rows = this.#db.prepare('SELECT id FROM body_keys').all()
    return rows.map((row) => Number(row.id)).filter((id) => this.#unwrap(id) === 'broken')
  }

  /** Forgets what was read or made, after a transaction that did not happen. */
  forgetCached(): void {
    this.#seals.clear()
    this.#roots.clear()
  }

  #keyNamed(kind: KeyKind, name: string, day: number): number {
    const found = this.#find(kind, name, day)
    if (found !== undefined) return found
    const { id } = this.#db.prepare('SELECT coalesce(max(id), 0) + 1 AS id FROM body_keys').get() ?? {}
    const key = this.#wrap(randomBytes(ROOT_SIZE), associated(Number(id), kind, name, day))
    this.#db
      .prepare('INSERT INTO body_keys (id, kind, name, day, wrapped) VALUES (?, ?, ?, ?, ?)')
      .run(Number(id), kind, name, day, key)
    return Number(id)
  }

  #find(kind: KeyKind, name: string, day: number): number | undefined {
    const row = this.#db
      .prepare('SELECT id FROM body_keys WHERE kind = ? AND name = ? AND day = ?')
      .get(kind, name, day)
    return row === undefined ? undefined : Number(row.id)
  }

  #sealOver(ids: readonly number[]): Seal {
    const keys = JSON.stringify(ids)
    this.#db.prepare('INSERT INTO seals (keys) VALUES (?) ON CONFLICT DO NOTHING').run(keys)
    const row = this.#db.prepare('SELECT id FROM seals WHERE keys = ?').get(keys)
    const root = this.#rootOver(ids)
    if (typeof root === 'string') throw new AuditError('log_corrupt', 'a key of the log cannot be opened')
    return { id: Number(row?.id), root }
  }

  #rootOver(ids: readonly number[]): Uint8Array | SealFailure {
    const parts: Uint8Array[] = [LABEL]
    for (const id of ids) {
      const key = this.#unwrap(id)
      if (typeof key === 'string') return key
      parts.push(key)
    }
    return hash('sha256', Buffer.concat(parts), 'buffer')
  }

  #wrap(key: Uint8Array, bound: Buffer): Buffer {
    const nonce = randomBytes(NONCE_SIZE)
    const cipher = createCipheriv('aes-256-gcm', this.#sealing, nonce).setAAD(bound)
    return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()])
  }

  #unwrap(id: number): Uint8Array | SealFailure {
    const row = this.#db.prepare('SELECT kind, name, day, wrapped FROM body_keys WHERE id = ?').get(id)
    if (row === undefined) return 'broken'
    if (row.wrapped === null) return 'destroyed'
    const wrapped = row.wrapped
    if (!(wrapped instanceof Uint8Array) || wrapped.length !== NONCE_SIZE + ROOT_SIZE + TAG_SIZE) return 'broken'
    const decipher = createDecipheriv('aes-256-gcm', this.#sealing, wrapped.subarray(0, NONCE_SIZE), {
      authTagLength: TAG_SIZE,
    })
    decipher.setAAD(associated(id, String(row.kind), String(row.name), Number(row.day)))
    decipher.setAuthTag(wrapped.subarray(NONCE_SIZE + ROOT_SIZE))
    try {
      return Buffer.concat([decipher.update(wrapped.subarray(NONCE_SIZE, NONCE_SIZE + ROOT_SIZE)), decipher.final()])
    } catch {
      return 'broken'
    }
  }
}

const DAY = 86_400_000
const NONCE_SIZE = 12
const TAG_SIZE = 16
const MAX_CACHED = 20_000
const FINGERPRINT_LABEL = Buffer.from('sallyport tombstone 1')
const LABEL = Buffer.from('sallyport seal 1')

// Bound to its row, so that a wrapped key moved to another name is noticed.
function associated(id: number, kind: string, name: string, day: number): Buffer {
  return Buffer.from(`${id}\n${kind}\n${day}\n${name}`)
}

function parseIds(keys: unknown): readonly number[] | undefined {
  if (typeof keys !== 'string') return undefined
  try {
    const ids: unknown = JSON.parse(keys)
    // One spelling only, so that no byte of the row can change without being noticed.
    return Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id)) && JSON.stringify(ids) === keys
      ? ids
      : undefined
  } catch {
    return undefined
  }
}
