import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import type { Clock, TenantId } from '../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../store/index.ts'
import { KeyError } from './errors.ts'
import { type GeneratedKey, generateKey, type Purpose } from './generate-key.ts'
import type { MasterKey } from './master-key.ts'
import { type Sealer, sealerWith } from './seal.ts'

/** The keys of one tenant, opened. Private keys are key objects: they can be used, not printed. */
export interface KeyRing {
  /** The key that signs tokens now. */
  signing(): SigningKey
  /** Every key whose tokens may still be alive: the active one first, then those retired within the last day. */
  verification(): readonly VerificationKey[]
  /** Makes a new signing key the active one and retires the old. */
  rotateSigning(): Promise<SigningKey>
  /** The key that signs the checkpoints of the tenant's log. It is never rotated: it is the log's identity. */
  logSigner(): LogSigner
  /** The post-quantum key (ML-DSA-44) that signs them a second time. */
  logQuantumSigner(): Pick<LogSigner, 'privateKey' | 'publicKey'>
  /** The AES-256 key that wraps the keys of record bodies. */
  logSealing(): KeyObject
  /** Seals under the tenant's data key; `associated` says what it is for and is needed again to open it. */
  seal(plaintext: Uint8Array, associated: string): Uint8Array
  /** Throws `KeyError('seal_broken')`. */
  open(sealed: Uint8Array, associated: string): Uint8Array
}

export interface VerificationKey {
  readonly kid: string
  readonly alg: 'ES256'
  readonly publicKey: KeyObject
  readonly publicJwk: Readonly<Record<string, string>>
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject
}

export interface LogSigner {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** The 32 bytes of the Ed25519 public key, as signed notes want them. */
  readonly publicKeyBytes: Uint8Array
}

/** Milliseconds for which a retired key is still published: more than any token lives. */
const RETIRED_FOR = 24 * 60 * 60 * 1000

/**
 * Opens the keys of `tenant`, and makes those that are not there yet. Every key is sealed in the store under a key
 * derived from `master`, with the tenant, the purpose and the key's id as associated data: no key can be moved to
 * another tenant, purpose or row. Throws `KeyError('master_key_wrong')`.
 */
export async function openKeyRing(
  store: TenantStore,
  master: MasterKey,
  tenant: TenantId,
  clock: Clock,
): Promise<KeyRing> {
  const vault = vaultOf(master, tenant)
  const stored = await store.write(async (q) => {
    for (const purpose of ['signing', 'log', 'log-quantum', 'log-bodies', 'data'] as const)
      await ensureKey(q, purpose, vault, clock.now())
    return q.selectFrom('keys').selectAll().orderBy('created_at', 'desc').execute()
  })
  const opened = stored.map((row) => ({ ...row, secret: vault.open(row) }))

  let signing = opened
    .filter((key) => key.purpose === 'signing')
    .map((key) => ({
      key: signingKeyOf(key.id, key.secret),
      retiredAt: key.status === 'active' ? undefined : (key.retired_at ?? 0),
    }))
  const logKey = logSignerOf(required(opened, 'log').secret)
  const quantumKey = keyPairOf(required(opened, 'log-quantum').secret)
  const bodies = createSecretKey(required(opened, 'log-bodies').secret)
  const data = sealerWith(createSecretKey(required(opened, 'data').secret))
  for (const { secret } of opened) secret.fill(0)

  const active = (): SigningKey => {
    const found = signing.find((entry) => entry.retiredAt === undefined)
    if (found === undefined) throw missing('signing')
    return found.key
  }

  return {
    signing: active,
    verification() {
      const horizon = clock.now() - RETIRED_FOR
      const alive = signing.filter((entry) => entry.retiredAt === undefined || entry.retiredAt > horizon)
      return alive
        .sort((a, b) => Number(a.retiredAt !== undefined) - Number(b.retiredAt !== undefined))
        .map((e) => e.key)
    },
    async rotateSigning() {
      const now = clock.now()
      const made = generateKey('signing')
      await store.write(async (q) => {
        await q
          .updateTable('keys')
          .set({ status: 'retired', retired_at: now })
          .where('purpose', '=', 'signing')
          .where('status', '=', 'active')
          .execute()
        await insertKey(q, 'signing', made, vault, now)
      })
      const key = signingKeyOf(made.id, made.secret)
      signing = [
        { key, retiredAt: undefined },
        ...signing.map((entry) => ({ ...entry, retiredAt: entry.retiredAt ?? now })),
      ]
      return key
    },
    logSigner: () => logKey,
    logQuantumSigner: () => quantumKey,
    logSealing: () => bodies,
    seal: data.seal,
    open: data.open,
  }
}

/**
 * The key of the log's bodies alone, from tables that are only read: for verifying a log beside a server that runs.
 * Throws `KeyError('master_key_wrong')`, also where there is no such key.
 */
export async function readLogSealing(store: TenantStore, master: MasterKey, tenant: TenantId): Promise<KeyObject> {
  const rows = await store.read((q) => q.selectFrom('keys').selectAll().where('purpose', '=', 'log-bodies').execute())
  const opened = rows.map((row) => ({ ...row, secret: vaultOf(master, tenant).open(row) }))
  return createSecretKey(required(opened, 'log-bodies').secret)
}

interface KeyRow {
  readonly id: string
  readonly purpose: string
  readonly sealed: Uint8Array
}

interface Vault {
  seal(purpose: Purpose, id: string, secret: Uint8Array): Uint8Array
  open(row: KeyRow): Buffer
}

function vaultOf(master: MasterKey, tenant: TenantId): Vault {
  const sealers = new Map<string, Sealer>()
  const sealerFor = (purpose: string): Sealer => {
    const known = sealers.get(purpose) ?? sealerWith(master.derive(`keys/${tenant}/${purpose}`))
    sealers.set(purpose, known)
    return known
  }
  const associated = (purpose: string, id: string): string => JSON.stringify(['keys', tenant, purpose, id])
  return {
    seal: (purpose, id, secret) => sealerFor(purpose).seal(secret, associated(purpose, id)),
    open(row) {
      try {
        return Buffer.from(sealerFor(row.purpose).open(row.sealed, associated(row.purpose, row.id)))
      } catch (cause) {
        throw new KeyError('master_key_wrong', `the master key does not open the keys of tenant \`${tenant}\``, {
          cause,
          detail: `key ${row.id}`,
        })
      }
    },
  }
}

async function ensureKey(q: Queries<TenantTables>, purpose: Purpose, vault: Vault, now: number): Promise<void> {
  const there = await q
    .selectFrom('keys')
    .select('id')
    .where('purpose', '=', purpose)
    .where('status', '=', 'active')
    .executeTakeFirst()
  if (there === undefined) await insertKey(q, purpose, generateKey(purpose), vault, now)
}

async function insertKey(
  q: Queries<TenantTables>,
  purpose: Purpose,
  key: GeneratedKey,
  vault: Vault,
  now: number,
): Promise<void> {
  await q
    .insertInto('keys')
    .values({
      id: key.id,
      purpose,
      algorithm: key.algorithm,
      public_jwk: key.publicJwk === undefined ? null : JSON.stringify(key.publicJwk),
      sealed: vault.seal(purpose, key.id, key.secret),
      status: 'active',
      created_at: now,
      retired_at: null,
    })
    .execute()
}

function signingKeyOf(kid: string, pkcs8: Buffer): SigningKey {
  const { privateKey, publicKey } = keyPairOf(pkcs8)
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  if (kty === undefined || crv === undefined || x === undefined || y === undefined) throw missing('signing')
  return { kid, alg: 'ES256', privateKey, publicKey, publicJwk: { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' } }
}

function keyPairOf(pkcs8: Buffer): Pick<LogSigner, 'privateKey' | 'publicKey'> {
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

function logSignerOf(pkcs8: Buffer): LogSigner {
  const { privateKey, publicKey } = keyPairOf(pkcs8)
  const publicKeyBytes = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  return { privateKey, publicKey, publicKeyBytes }
}

function required<T extends { readonly purpose: string }>(keys: readonly T[], purpose: Purpose): T {
  const found = keys.find((key) => key.purpose === purpose)
  if (found === undefined) throw missing(purpose)
  return found
}

function missing(purpose: Purpose): KeyError {
  return new KeyError('seal_broken', 'sealed data cannot be opened', { detail: `no usable key for ${purpose}` })
}
