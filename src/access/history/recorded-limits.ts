import type { Context } from '../../kernel/index.ts'
import { prepareWithoutUsage } from '../decide-chain.ts'
import { applyingTo, withFaults } from '../limits/applying.ts'
import type { Limits } from '../limits/limits.ts'
import type { StatementSet } from '../limits/statement.ts'
import type { PolicySet } from '../policy-set.ts'
import type { Decision } from '../question.ts'
import type { World } from './past-world.ts'
import type { RecordedDecision } from './recorded-decision.ts'

/** Limits as they were met when the decision was made. */
export interface RecordedLimits extends Pick<Limits, 'look' | 'share'> {
  /** Whether some apply of which the record does not say whether they would have refused. */
  isUnlimited(): boolean
}

/**
 * A statement that stands as it stood then refuses what it refused then, and lets through what it let through. Of any
 * other that applies nobody can say: it is counted as letting it through, and `isUnlimited` says so.
 */
export function recordedLimits(
  recorded: RecordedDecision,
  { set, was, world }: { readonly set: PolicySet; readonly was: PolicySet | undefined; readonly world: World },
): RecordedLimits {
  let isUnlimited = false
  return {
    isUnlimited: () => isUnlimited,
    share: () => undefined,
    look(ctx, question, decision) {
      const { limits } = set
      if (limits === undefined || decision.decision === 'deny') return decision
      const asked = prepareWithoutUsage(ctx, question, knownFor(recorded, set, world))
      const context = limits.engine.context(asked.action, asked.context)
      const applying = applyingTo(ctx.caller, { ...asked, context }, limits)
      if (applying.length === 0) return decision
      const looked = withFaults(decision, applying)
      const known = same(limits, was === set ? limits : was?.limits)
      const refused = recorded.withheld !== 'limit' ? [] : recorded.reasons.filter(({ policy }) => known.has(policy))
      const refusing = refused.filter(({ policy }) => applying.some(({ statement }) => statement.id === policy))
      if (refusing.length > 0) return refusedAgain(looked, refusing)
      // What was denied otherwise never came as far as limits.
      const wasMet = recorded.decision === 'allow'
      isUnlimited = applying.some(({ statement }) => !wasMet || !known.has(statement.id))
      return looked
    },
  }
}

function knownFor(recorded: RecordedDecision, set: PolicySet, { entities, lists }: World) {
  const { usage: _, ...context } = recorded.context
  return { set, entities, lists, timeOf: undefined, recorded: (_asked: Context) => context }
}

function refusedAgain(decision: Decision, reasons: RecordedDecision['reasons']): Decision {
  return { ...decision, decision: 'deny', reasons, withheld: 'limit' }
}

// Sets are compared once, and there are few.
const compared = new WeakMap<StatementSet, WeakMap<StatementSet, ReadonlySet<string>>>()
const NONE: ReadonlySet<string> = new Set()

/** Ids of the statements that say the same in both. */
function same(a: StatementSet, b: StatementSet | undefined): ReadonlySet<string> {
  if (b === undefined) return NONE
  const others = compared.get(a) ?? new WeakMap<StatementSet, ReadonlySet<string>>()
  compared.set(a, others)
  const before = others.get(b)
  if (before !== undefined) return before
  const found = new Set<string>()
  for (const [id] of a.statements) if (b.statements.has(id) && textOf(a, id) === textOf(b, id)) found.add(id)
  others.set(b, found)
  return found
}

function textOf({ engine }: StatementSet, id: string): string | undefined {
  const policy = engine.policy(id)
  return policy === undefined ? undefined : JSON.stringify([policy.text, policy.only ?? null])
}
