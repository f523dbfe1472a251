import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EntityJson } from '../../cedar/index.ts'
import { type Context, type FakeClock, fakeClock, newTxn, type PrincipalId, type TenantId } from '../../kernel/index.ts'
import { memoryTenantStore, type TenantStore } from '../../store/index.ts'
import { type Access, openAccess } from '../access.ts'
import type { PolicyFile } from '../layers.ts'
import type { Decision, Question } from '../question.ts'
import type { Reserved } from '../reserve.ts'
import { openLedger } from './ledger.ts'
import type { UsedShare } from './limits.ts'
import { openRates } from './rates.ts'

/** The product's own schema, everything permitted, and limits as a test has them. */
export interface TestLimits {
  readonly access: Access
  readonly clock: FakeClock
  readonly store: TenantStore
  readonly shares: UsedShare[]
  put(limits: string, ...more: readonly PolicyFile[]): Promise<void>
  ctx(...chain: readonly string[]): Context
  decide(ctx: Context, question: Question): Decision
  /** Decides, and takes what is needed. */
  take(ctx: Context, question: Question): Promise<Decision | Reserved>
}

export async function testLimits(
  options: { readonly store?: TenantStore; readonly clock?: FakeClock; readonly mostKeys?: number } = {},
): Promise<TestLimits> {
  const clock = options.clock ?? fakeClock(Date.UTC(2026, 0, 15, 12))
  const store = options.store ?? memoryTenantStore()
  const schema = readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8')
  const access = openAccess({ schema, policies: [] }, 'demo')
  const shares: UsedShare[] = []
  access.setLimits({
    ledger: await openLedger({
      store,
      clock,
      ...(options.mostKeys === undefined ? {} : { mostKeys: options.mostKeys }),
    }),
    rates: openRates(),
    meter: { reserved: () => undefined, refused: () => undefined },
    onShare: (_, share) => void shares.push(share),
  })
  access.putEntities('test', entities())
  const all = { name: 'all.cedar', text: 'permit (principal, action, resource);' }
  await access.setPolicies([all])
  return {
    access,
    clock,
    store,
    shares,
    put: (limits, ...more) => access.setPolicies([all, { name: 'limits.cedar', text: limits, as: 'limits' }, ...more]),
    ctx: (...chain) => contextOf(clock, chain),
    decide: (ctx, question) => access.decide(ctx, question),
    async take(ctx, question) {
      const decision = access.decide(ctx, question)
      if (decision.decision === 'deny') return decision
      const reserved = await access.reserve(ctx, [question], [decision])
      return reserved.refused?.[0] ?? reserved
    },
  }
}

/** A call of a model that will use so many tokens. */
export function invoke(tokens = 100, model = 'small'): Question {
  const amounts = { input_tokens: Math.floor(tokens / 2), output_tokens: Math.ceil(tokens / 2) }
  return { action: 'model:invoke', resource: { type: 'Model', id: model }, amounts }
}

function entities(): readonly EntityJson[] {
  const tenant = { type: 'Tenant', id: 'demo' }
  const entity = (type: string, id: string, parents: EntityJson['parents'] = [tenant]): EntityJson => ({
    uid: { type, id },
    attrs: {},
    parents,
  })
  return [
    entity('Tenant', 'demo', []),
    entity('Project', 'churn'),
    entity('AgentType', 'researcher'),
    entity('Model', 'small', [{ type: 'Project', id: 'churn' }]),
    entity('Model', 'large'),
  ]
}

function contextOf(clock: FakeClock, chain: readonly string[]): Context {
  const [first = { kind: 'User', id: 'alice' as PrincipalId }, ...rest] = chain.map((name) => {
    const [kind = '', id = ''] = name.split('::')
    return { kind: kind as 'User' | 'Agent', id: id as PrincipalId } // the names that these tests give
  })
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [first as Context['caller']['chain'][0], ...rest],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 60_000,
    },
  }
}
