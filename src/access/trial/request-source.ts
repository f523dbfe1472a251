import { describeSchema, type EntityJson, type SchemaAction } from '../../cedar/index.ts'
import type { EntityRef } from '../question.ts'
import { MOMENT } from './case-file.ts'
import type { PolicyRequest, Trial } from './trial.ts'
import { isPrincipalKind, uidOf } from './trial-context.ts'

/** Requests by number, so that none of them has to be kept. */
export interface RequestSource {
  readonly total: number
  at(index: number): PolicyRequest
}

/** What two trials have to speak about: the things of both. */
export interface TrialMaterial {
  readonly actions: ReadonlyMap<string, SchemaAction>
  /** By `Type::id`. */
  readonly entities: ReadonlyMap<string, EntityJson>
  readonly byType: ReadonlyMap<string, readonly EntityRef[]>
}

export function materialOf(...trials: readonly Trial[]): TrialMaterial {
  const entities = new Map<string, EntityJson>()
  const actions = new Map<string, SchemaAction>()
  for (const trial of trials) {
    for (const entity of trial.entities) entities.set(keyOf(uidOf(entity)), entity)
    for (const action of describeSchema(trial.schema).actions) actions.set(action.id, action)
  }
  const byType = new Map<string, EntityRef[]>()
  for (const entity of entities.values()) {
    const uid = uidOf(entity)
    const known = byType.get(uid.type)
    if (known === undefined) byType.set(uid.type, [uid])
    else known.push(uid)
  }
  return { actions, entities, byType }
}

export function keyOf({ type, id }: EntityRef): string {
  return `${type}::${id}`
}

/** A request in which nothing is said but who does what to what. */
export function plainRequest(
  by: readonly string[],
  { id: action, facts }: Pick<SchemaAction, 'id' | 'facts'>,
  resource: EntityRef,
): PolicyRequest {
  return {
    by,
    action,
    resource,
    facts: {},
    call: facts.some(({ name }) => name === 'arguments') ? NO_CALL : undefined,
    entities: [],
    given: NOTHING,
    authentication: {},
    scope: undefined,
    address: undefined,
    now: MONDAY,
    mandate: undefined,
  }
}

const NO_CALL = { arguments: {}, origin: { user: [], system: [], trusted: [], untrusted: [], model: [] } }
const NOTHING: PolicyRequest['given'] = new Map()
const MONDAY = Date.parse(MOMENT)
const STRONG = { assurance: 3, mfaAge: 0 } as const

/** Each principal alone, each action, each resource; with one factor and with several. */
export function requestsOfEntities({ actions, byType }: TrialMaterial): RequestSource {
  const blocks: { readonly start: number; readonly size: number; readonly at: (index: number) => PolicyRequest }[] = []
  let total = 0
  for (const action of actions.values()) {
    const { principals, resources } = action
    for (const kind of principals.filter(isPrincipalKind)) {
      for (const type of resources) {
        const who = byType.get(kind) ?? []
        const what = byType.get(type) ?? []
        const size = who.length * what.length * 2
        const at = (index: number): PolicyRequest => {
          const pair = index >> 1
          const principal = who[Math.floor(pair / what.length)]
          const resource = what[pair % what.length]
          if (principal === undefined || resource === undefined) throw new RangeError('no such request')
          const request = plainRequest([principal.id], action, resource)
          return (index & 1) === 1 ? { ...request, authentication: STRONG } : request
        }
        if (size > 0) blocks.push({ start: total, size, at })
        total += size
      }
    }
  }
  return {
    total,
    at(index) {
      const block = blocks[lastAtMost(blocks, index)]
      if (block === undefined || index >= block.start + block.size) throw new RangeError('no such request')
      return block.at(index - block.start)
    },
  }
}

function lastAtMost(blocks: readonly { readonly start: number }[], index: number): number {
  let [low, high] = [0, blocks.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((blocks[middle]?.start ?? 0) <= index) low = middle
    else high = middle - 1
  }
  return low
}
