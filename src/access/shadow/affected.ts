import { Entities, type PolicyInfo } from '../../cedar/index.ts'
import type { PrincipalRef } from '../../kernel/index.ts'
import type { EntityIndex } from '../entity-index.ts'
import type { PolicySet } from '../policy-set.ts'

/** Which requests two sets of policies can decide differently. */
export interface Affected {
  /** How many policies are in one set only, or are others. */
  readonly changed: number
  /**
   * Whether a changed policy can have a say. INVARIANT: where it says no, both sets decide alike: a decision depends on
   * nothing but the policies that apply to it.
   */
  concernsAction(action: string): boolean
  /** The same, of agents only those that the changed policies are about. */
  concerns(action: string, chain: readonly PrincipalRef[], entities: Pick<EntityIndex, 'with'>): boolean
}

export function affectedBy(before: PolicySet, after: PolicySet): Affected {
  const changed = changedPolicies(before, after)
  // An empty ceiling has no policy that could be found, and refuses everything.
  const isEverything = ceilingNames(before) !== ceilingNames(after)
  const types = typesConcerned(changed)
  const byAction = new Map<string, boolean>()
  const groups = Entities.fromJson([], after.schema.text)
  const isAbout = (action: string): boolean => {
    const uid = after.schema.vocabulary.uidOf(action)
    const node = groups.find(uid)
    return changed.some(({ actions }) => {
      if (actions === undefined) return true
      return actions.some(({ type, id }) => {
        if (type === uid.type && id === uid.id) return true
        return node !== undefined && groups.lineage(node).has({ type, id })
      })
    })
  }
  const concernsAction = (action: string): boolean => {
    if (isEverything) return true
    const known = byAction.get(action)
    if (known !== undefined) return known
    const isConcerned = isAbout(action)
    // Whoever asks may name any action.
    if (byAction.size < MOST_ACTIONS) byAction.set(action, isConcerned)
    return isConcerned
  }
  return {
    changed: changed.length,
    concernsAction,
    concerns(action, chain, entities) {
      const isConcerned = concernsAction(action)
      if (isEverything || !isConcerned || types === undefined) return isConcerned
      const all = entities.with(undefined)
      return chain.some(({ kind: type, id }) => {
        const node = all.find({ type, id })
        if (node === undefined) return false
        const lineage = all.lineage(node)
        return types.some((one) => (one.type === type && one.id === id) || lineage.has(one))
      })
    },
  }
}

const MOST_ACTIONS = 1000

/** The agents, or types of agents, that all of them are bounded to; undefined where one is not. */
function typesConcerned(changed: readonly PolicyInfo[]) {
  const found = changed.map(({ only }) => only?.principal)
  const known = found.filter((uid) => uid !== undefined)
  return known.length < found.length ? undefined : known
}

function changedPolicies(before: PolicySet, after: PolicySet): readonly PolicyInfo[] {
  const [old, fresh] = [textsOf(before), textsOf(after)]
  return [
    ...[...old].filter(([id, one]) => fresh.get(id)?.text !== one.text),
    ...[...fresh].filter(([id, one]) => old.get(id)?.text !== one.text),
  ].map(([, { policy }]) => policy)
}

function textsOf({
  engine,
  ceilings,
}: PolicySet): ReadonlyMap<string, { readonly policy: PolicyInfo; readonly text: string }> {
  const found = new Map<string, { policy: PolicyInfo; text: string }>()
  for (const policy of engine.policies()) {
    const { text, only, link } = policy
    const ceiling = ceilings.byPolicy.get(policy.id)?.name
    found.set(policy.id, { policy, text: JSON.stringify([text, only, link?.values, ceiling]) })
  }
  // A role that nobody has yet decides something as soon as somebody has it.
  for (const template of engine.templates()) {
    found.set(`template ${template.id}`, { policy: template, text: JSON.stringify([template.text, template.only]) })
  }
  return found
}

function ceilingNames({ ceilings: { everywhere, byTarget } }: PolicySet): string {
  const all = [...everywhere, ...[...byTarget.values()].flat()].map(({ name, layer }) => JSON.stringify([name, layer]))
  return all.sort().join()
}
