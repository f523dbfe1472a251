// What the tests of this room, its faults and its benchmark build their logs from.
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeClock, fakeClock, newTxn, parsePrincipalId, parseTenantId, type Txn } from '../kernel/index.ts'
import { createVerifier, type Verifier } from '../translog/index.ts'
import { type Log, type LogOptions, openLog } from './log.ts'
import type { LogKeys } from './log-keys.ts'
import type { DecisionRecord, OutcomeRecord } from './record.ts'

export const tenant = parseTenantId('demo') ?? unreachable()
export const origin = 'sallyport.example/t/demo/log'
const start = Date.UTC(2026, 5, 1)

export function freshKeys(): LogKeys & { readonly verifiers: readonly Verifier[] } {
  const signer = generateKeyPairSync('ed25519')
  const sealing = createSecretKey(randomBytes(32))
  return { signer, sealing, verifiers: [createVerifier(origin, 'ed25519', signer.publicKey)] }
}

export interface LogFixture {
  readonly directory: string
  readonly file: string
  readonly keys: ReturnType<typeof freshKeys>
  readonly clock: FakeClock
  open(options?: Partial<LogOptions>): Promise<Log>
}

/** A place for a log, removed with `using`. */
export function logFixture(): LogFixture & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-log-'))
  const file = join(directory, 'demo.log.db')
  const keys = freshKeys()
  const clock = fakeClock(start)
  return {
    directory,
    file,
    keys,
    clock,
    open: (options) => openLog({ file, tenant, origin, keys, clock, checkpointSpacing: 1, ...options }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

const user = (id: string) => ({ kind: 'User', id: parsePrincipalId(id) ?? unreachable() }) as const
const agent = (id: string) => ({ kind: 'Agent', id: parsePrincipalId(id) ?? unreachable() }) as const

/** A decision of about 600 bytes with its txn and trace, as the gateway writes it. */
export function decision(
  changes: {
    txn?: Txn
    at?: number
    person?: string
    agent?: string
    tool?: string
    decision?: 'allow' | 'deny'
    path?: string
  } = {},
): DecisionRecord {
  const at = changes.at ?? start
  return {
    kind: 'decision',
    tenant,
    txn: changes.txn ?? newTxn(at),
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
    at,
    body: {
      chain: [user(changes.person ?? 'alice'), agent(changes.agent ?? 'research-assistant')],
      credential: 'tok_01k1xk7j5b3c9q2w8e4r6t0y1z',
      authentication: { method: 'private_key_jwt', at },
      action: 'tool:call',
      resource: { type: 'Tool', id: changes.tool ?? 'files/read' },
      context: { arguments: { '/path': changes.path ?? 'reports/2026-05.md' }, origin: { user: ['/path'] } },
      decision: changes.decision ?? 'allow',
      reasons: [{ policy: 'foundation.tools.read', principal: changes.agent ?? 'research-assistant' }],
      errors: [],
      revision: 'sha256:9f86d081884c7d659a2feaa0c55ad015',
      argumentsDigest: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
    },
  }
}

export function outcome(of: number, txn: Txn, at = start): OutcomeRecord {
  const body = { of, status: 'ok', httpStatus: 200, ms: 12, usage: { inputTokens: 812, outputTokens: 128 } }
  return { kind: 'outcome', tenant, txn, trace: '4bf92f3577b34da6a3ce929d0e0e4736', at, body }
}

function unreachable(): never {
  throw new Error('the fixture is wrong')
}
