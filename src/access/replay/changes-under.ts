import type { PolicySet } from '../policy-set.ts'
import { type Affected, affectedBy } from '../shadow/affected.ts'

/** What a candidate changes, beside whatever decided then. */
export interface ChangesUnder {
  /**
   * Whether a decision can be another one. INVARIANT: where it says no, it is what it was, for the same policies apply,
   * and they decide alike whenever they are asked.
   */
  concern(recorded: { readonly revision: string; readonly action: string }): boolean
}

export function changesUnder(candidate: PolicySet, setOf: (revision: string) => PolicySet | undefined): ChangesUnder {
  const known = new Map<string, Affected | undefined>()
  return {
    concern({ revision, action }) {
      if (!known.has(revision)) known.set(revision, between(setOf(revision), candidate))
      return known.get(revision)?.concernsAction(action) ?? true
    },
  }
}

/** Undefined where everything may be otherwise: nobody knows what decided, or schema or limits are others. */
function between(before: PolicySet | undefined, after: PolicySet): Affected | undefined {
  if (before === undefined || before.schema.text !== after.schema.text) return undefined
  return limitsText(before) === limitsText(after) ? affectedBy(before, after) : undefined
}

function limitsText({ limits }: PolicySet): string {
  const texts = [...(limits?.engine.policies() ?? [])].map(({ id, text, only }) => JSON.stringify([id, text, only]))
  return texts.sort().join('\n')
}
