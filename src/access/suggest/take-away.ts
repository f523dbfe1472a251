import type { Steps } from '../../cedar/index.ts'
import type { EntityRef } from '../question.ts'
import type { Landscape } from './landscape.ts'
import type { Cell, PolicyUse, Tally } from './tally.ts'

/** What grants something now. */
export interface InForce {
  /**
   * Files of the tenant's layer that grant and do nothing else, and by which nobody administers: a complete suggestion
   * stands in their place.
   */
  readonly grantFiles: readonly string[]
  readonly policies: readonly { readonly id: string; readonly source: string; readonly line: number }[]
  readonly roles: readonly {
    readonly role: string
    readonly assignee: EntityRef
    readonly on: EntityRef | undefined
    /** Ids of the grants that it makes. */
    readonly links: readonly string[]
    /** The actions that it permits. */
    readonly actions: readonly string[]
  }[]
  /** Ids of the grants by which roles, or anything, let somebody do this; none where they do not. */
  granting(by: 'roles' | 'anything', asked: AskedGrant): readonly string[]
  /** How many requests a policy would allow, facts and arguments aside; `undefined` where there are too many to ask. */
  wouldAllow(policy: string): Steps<number | undefined>
}

export interface AskedGrant {
  readonly principal: EntityRef
  readonly action: string
  readonly resource: EntityRef
}

/** A grant that nothing used: a proposal, for somebody to look at. */
export type TakeAway =
  | {
      readonly kind: 'policy'
      readonly id: string
      readonly source: string
      readonly line: number
      readonly wouldAllow: number | undefined
    }
  | {
      readonly kind: 'role'
      readonly role: string
      readonly assignee: EntityRef
      readonly on: EntityRef | undefined
      readonly actions: readonly string[]
    }
  | {
      /** A role of which some is used: what is not. */
      readonly kind: 'actions'
      readonly role: string
      readonly used: readonly string[]
      readonly unused: readonly string[]
    }

/**
 * What nothing that was seen rests on. It was not used from `tally.from` on; what was before, nobody has looked at.
 * `links`: the grants of roles by which requests would have been allowed that were denied as a whole.
 */
export function* takeAway(
  inForce: InForce,
  tally: Tally,
  links: ReadonlyMap<Cell, readonly string[]>,
  land: Landscape,
): Steps<readonly TakeAway[]> {
  const used = new Map([...tally.used].map(([policy, use]) => [policy, copyOf(use)]))
  for (const [{ principal, last, action }, granting] of links) {
    for (const link of granting) {
      const use = used.get(link) ?? { count: 0, last, principals: new Set(), actions: new Set() }
      used.set(link, use)
      use.principals.add(principal)
      use.actions.add(action.id)
    }
  }
  const policies: TakeAway[] = []
  for (const { id, source, line } of inForce.policies) {
    if (used.has(id)) continue
    policies.push({ kind: 'policy', id, source, line, wouldAllow: yield* inForce.wouldAllow(id) })
  }
  const isUsed = ({ assignee, links: own }: InForce['roles'][number]): boolean =>
    own.some((link) => isUsedBy(used.get(link), assignee, land))
  const roles = inForce.roles
    .filter((one) => !isUsed(one))
    .map(({ role, assignee, on, actions }): TakeAway => ({ kind: 'role', role, assignee, on, actions }))
  return [...policies, ...roles, ...unusedActions(inForce.roles.filter(isUsed), used)]
}

function copyOf(use: PolicyUse): PolicyUse {
  return { ...use, principals: new Set(use.principals), actions: new Set(use.actions) }
}

function unusedActions(roles: InForce['roles'], used: ReadonlyMap<string, PolicyUse>): readonly TakeAway[] {
  const byRole = new Map<string, { readonly all: Set<string>; readonly used: Set<string> }>()
  for (const { role, actions, links } of roles) {
    const known = byRole.get(role) ?? { all: new Set(), used: new Set() }
    byRole.set(role, known)
    for (const action of actions) known.all.add(action)
    for (const action of links.flatMap((link) => [...(used.get(link)?.actions ?? [])])) known.used.add(action)
  }
  return [...byRole].flatMap(([role, known]): readonly TakeAway[] => {
    const unused = [...known.all].filter((action) => !known.used.has(action))
    return unused.length === 0 ? [] : [{ kind: 'actions', role, used: [...known.used].sort(), unused }]
  })
}

function isUsedBy(use: PolicyUse | undefined, assignee: EntityRef, land: Landscape): boolean {
  if (use === undefined) return false
  const number = land.numberOf(assignee)
  return [...use.principals].some((one) => one === number || land.within(one).includes(number))
}
