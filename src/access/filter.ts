import {
  allOf,
  anyOf,
  type Entities,
  type Filter,
  type FilterCondition,
  not,
  type PolicyCondition,
  resourceIn,
  type Uid,
} from '../cedar/index.ts'
import type { Context, Json } from '../kernel/index.ts'
import { applies, entityOf, type Known, prepare } from './decide-chain.ts'
import { type Ceiling, targetOf } from './layers.ts'
import { listCondition } from './lists/list-condition.ts'
import { mandateCondition } from './mandate.ts'
import type { PolicySet } from './policy-set.ts'
import type { Question } from './question.ts'

/** A question about every resource of a type. */
export interface FilterQuestion extends Pick<Question, 'call'> {
  readonly action: string
  readonly resourceType: string
  /** Further facts that the action's context declares. */
  readonly facts?: { readonly [name: string]: Json }
}

/**
 * What a resource has to be like for the chain to be allowed: for every link some grant, every ceiling and no forbid,
 * and for all of them the mandate and the lists. INVARIANT: a resource meets it exactly when `decide` allows it, except
 * for what is not a matter of the resource: limits, and approvals that were given for one request.
 */
export function filterForChain(ctx: Context, asked: FilterQuestion, known: Known): Filter {
  const { action: name, resourceType, ...stated } = asked
  const question = { action: name, resource: { type: resourceType, id: '' }, ...stated }
  const { context, entities, action } = prepare(ctx, question, known)
  const { engine } = known.set
  const now = ctx.clock.now()
  const read = engine.context(action, context)
  const { chain } = ctx.caller
  const conditions: FilterCondition[] = [
    mandateCondition(ctx, action, entities),
    listCondition({ chain, action, resourceType, entities, address: ctx.address }, known.lists, now),
  ]
  for (const link of chain) {
    // What nobody could be allowed needs no look at the policies of the next link.
    if (allOf(conditions).kind === 'never') break
    if (!applies(question, link, known)) {
      conditions.push(not(ALWAYS))
      break
    }
    const principal = entityOf(link)
    const parts = engine.conditions({ principal, action, resourceType, context: read }, entities)
    conditions.push(layersCondition(parts, { principal, entities, set: known.set, now }))
  }
  return engine.filterOf(allOf(conditions), resourceType, entities)
}

interface Around {
  readonly principal: Uid
  readonly entities: Entities
  readonly set: PolicySet
  readonly now: number
}

/** The rule of judge.ts, as a condition on the resource. */
function layersCondition(parts: readonly PolicyCondition[], around: Around): FilterCondition {
  const { ceilings, roles } = around.set
  const grants: FilterCondition[] = []
  const forbids: FilterCondition[] = []
  const byCeiling = new Map<Ceiling, PolicyCondition[]>()
  for (const part of parts) {
    const ceiling = ceilings.byPolicy.get(part.policy)
    const end = roles.ends.get(part.policy)
    if (part.effect === 'forbid') forbids.push(part.refutes)
    else if (ceiling !== undefined) byCeiling.set(ceiling, [...(byCeiling.get(ceiling) ?? []), part])
    else if (end === undefined || around.now < end) grants.push(part.holds)
  }
  const bounds = [
    ...ceilings.everywhere.map((ceiling) => withinCeiling(byCeiling.get(ceiling) ?? [])),
    ...[...ceilings.byTarget.values()].flat().map((ceiling) => {
      const concerned = concernedBy(ceiling, around)
      return concerned.kind === 'never'
        ? not(concerned)
        : anyOf([not(concerned), withinCeiling(byCeiling.get(ceiling) ?? [])])
    }),
  ]
  return allOf([...forbids, ...bounds, anyOf(grants)])
}

/** A ceiling permits where one of its policies does, and none of them fails. */
function withinCeiling(parts: readonly PolicyCondition[]): FilterCondition {
  return allOf([anyOf(parts.map(({ holds }) => holds)), ...parts.map(({ holds, refutes }) => anyOf([holds, refutes]))])
}

function concernedBy({ layer }: Ceiling, { principal, entities }: Around): FilterCondition {
  const target = targetOf(layer)
  if (target === undefined) return ALWAYS
  if (layer.kind === 'project') return resourceIn([target])
  if (principal.type === target.type && principal.id === target.id) return ALWAYS
  const node = entities.find(principal)
  return node !== undefined && entities.lineage(node).has(target) ? ALWAYS : not(ALWAYS)
}

const ALWAYS: FilterCondition = { kind: 'always' }
