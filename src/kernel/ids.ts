import { randomFillSync } from 'node:crypto'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** The name of a tenant: a DNS label, because it stands in URLs and file names. */
export type TenantId = Branded<'TenantId'>
/** The id of a principal, unique within its tenant over all kinds; it is `sub` and `client_id` on the wire. */
export type PrincipalId = Branded<'PrincipalId'>
/** The id of a request that stays the same across every layer (the `txn` claim of transaction tokens). */
export type Txn = Branded<'Txn'>
/** The id of a delegation record. */
export type DelegationId = Branded<'DelegationId'>

const TENANT = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const PRINCIPAL = /^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,126}[A-Za-z0-9])?$/
const OPAQUE = /^[a-z]{2,4}_[0-9a-z]{26}$/

export function parseTenantId(value: unknown): TenantId | undefined {
  return typeof value === 'string' && TENANT.test(value) ? (value as TenantId) : undefined
}

export function parsePrincipalId(value: unknown): PrincipalId | undefined {
  return typeof value === 'string' && PRINCIPAL.test(value) ? (value as PrincipalId) : undefined
}

export function parseTxn(value: unknown): Txn | undefined {
  return typeof value === 'string' && value.startsWith('txn_') && OPAQUE.test(value) ? (value as Txn) : undefined
}

export function parseDelegationId(value: unknown): DelegationId | undefined {
  return typeof value === 'string' && value.startsWith('dlg_') && OPAQUE.test(value)
    ? (value as DelegationId)
    : undefined
}

export const newTxn = (now: number): Txn => newId('txn', now) as Txn
export const newDelegationId = (now: number): DelegationId => newId('dlg', now) as DelegationId

// Crockford's alphabet: sorts like the number, no letters that look like digits.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const POOL = Buffer.alloc(4096)
let poolAt = POOL.length

/** A sortable id: `prefix_`, 10 characters of time (48 bits of milliseconds), 16 of randomness (80 bits). */
export function newId(prefix: string, now: number): string {
  let time = ''
  let rest = now
  for (let i = 0; i < 10; i++) {
    time = ALPHABET.charAt(rest % 32) + time
    rest = Math.floor(rest / 32)
  }
  if (poolAt + 16 > POOL.length) {
    randomFillSync(POOL)
    poolAt = 0
  }
  let random = ''
  for (let i = 0; i < 16; i++) random += ALPHABET.charAt(POOL.readUInt8(poolAt + i) & 31)
  poolAt += 16
  return `${prefix}_${time}${random}`
}
