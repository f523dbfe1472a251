import { describeSchema, type EntityJson, type SchemaAction } from '../../cedar/index.ts'
import { type Context, type PrincipalKind, parsePrincipalId } from '../../kernel/index.ts'
import { decideForChain, judgeChain } from '../decide-chain.ts'
import { AccessError } from '../errors.ts'
import type { EntityRef, Question } from '../question.ts'
import { MOMENT } from './case-file.ts'
import type { Trial } from './trial.ts'
import { isPrincipalKind, trialContext, uidOf } from './trial-context.ts'

/** Requests of one kind that are decided otherwise. */
export interface DiffGroup {
  readonly effect: 'allowed' | 'denied'
  /** `Agent of type analyst`, `User with data-scientist` */
  readonly principals: string
  readonly action: string
  readonly resourceType: string
  readonly count: number
  readonly example: DiffExample
}

/** A request that is decided one way before and the other way after. */
export interface DiffExample {
  readonly principal: EntityRef
  readonly resource: EntityRef
  /** Whether somebody proved who they are with several factors just now, or with one. */
  readonly isStrong: boolean
  /** Ids of the policies that decide before, and after. */
  readonly before: readonly string[]
  readonly after: readonly string[]
}

export interface PolicyDiff {
  readonly groups: readonly DiffGroup[]
  /** How many requests were decided under both. */
  readonly asked: number
  /** How many there are: principals × actions × resources, with one factor and with several. */
  readonly total: number
}

const MOST = 500_000

/**
 * What is newly possible and newly impossible for the principals and resources of both worlds, each principal acting
 * alone, without arguments and without further facts. Where there are more requests than `most`, every n-th is asked.
 * Yields how many were asked, of how many that are going to be.
 */
export function* diffTrials(
  before: Trial,
  after: Trial,
  most = MOST,
): Generator<{ readonly asked: number; readonly planned: number }, PolicyDiff> {
  const requests = requestsOf(before, after)
  const step = Math.max(1, Math.ceil(requests.total / most))
  const groups = new Map<string, { group: DiffGroup; count: number }>()
  let asked = 0
  for (let at = 0; at < requests.total; at += step) {
    const request = requests.at(at)
    asked++
    if (asked % 1000 === 0) yield { asked, planned: Math.ceil(requests.total / step) }
    const [was, is] = [isAllowed(request, before), isAllowed(request, after)]
    if (was === is) continue
    const effect = is ? 'allowed' : 'denied'
    const principals = requests.nameOf(request.principal)
    const key = JSON.stringify([effect, principals, request.action, request.resource.type])
    const known = groups.get(key)
    if (known !== undefined) known.count++
    else groups.set(key, { group: groupOf(request, effect, principals, { before, after }), count: 1 })
  }
  const found = [...groups.values()].map(({ group, count }): DiffGroup => ({ ...group, count }))
  return { groups: found.sort(byWeight), asked, total: requests.total }
}

function byWeight(a: DiffGroup, b: DiffGroup): number {
  if (a.effect !== b.effect) return a.effect === 'allowed' ? -1 : 1
  return b.count - a.count || (a.action < b.action ? -1 : 1)
}

interface DiffRequest {
  readonly principal: { readonly type: PrincipalKind; readonly id: string }
  readonly action: string
  readonly resource: EntityRef
  readonly isStrong: boolean
}

interface Requests {
  readonly total: number
  at(index: number): DiffRequest
  nameOf(principal: EntityRef): string
}

/** All requests, by number, so that none of them has to be kept. */
function requestsOf(before: Trial, after: Trial): Requests {
  const entities = new Map(
    [...before.entities, ...after.entities].map((entity) => [JSON.stringify(uidOf(entity)), entity]),
  )
  const byType = new Map<string, EntityRef[]>()
  for (const entity of entities.values()) {
    const uid = uidOf(entity)
    byType.set(uid.type, [...(byType.get(uid.type) ?? []), uid])
  }
  const actions = new Map<string, SchemaAction>()
  for (const { schema } of [before, after])
    for (const action of describeSchema(schema).actions) actions.set(action.id, action)
  const blocks: { readonly start: number; readonly size: number; readonly at: (index: number) => DiffRequest }[] = []
  let total = 0
  for (const { id: action, principals, resources } of actions.values()) {
    for (const kind of principals.filter(isPrincipalKind)) {
      for (const type of resources) {
        const who = byType.get(kind) ?? []
        const what = byType.get(type) ?? []
        const size = who.length * what.length * 2
        const at = (index: number): DiffRequest => {
          const pair = index >> 1
          const principal = who[Math.floor(pair / what.length)]
          const resource = what[pair % what.length]
          if (principal === undefined || resource === undefined) throw new RangeError('no such request')
          return { principal: { type: kind, id: principal.id }, action, resource, isStrong: (index & 1) === 1 }
        }
        if (size > 0) blocks.push({ start: total, size, at })
        total += size
      }
    }
  }
  return {
    total,
    at(index) {
      const block = blocks.find(({ start, size }) => index >= start && index < start + size)
      if (block === undefined) throw new RangeError('no such request')
      return block.at(index - block.start)
    },
    nameOf(principal) {
      const entity = entities.get(JSON.stringify({ type: principal.type, id: principal.id }))
      return entity === undefined ? principal.type : kindText(entity)
    },
  }
}

function kindText(entity: EntityJson): string {
  const parents = (entity.parents ?? []).map((parent) => ('__entity' in parent ? parent.__entity : parent))
  const type = parents.find((parent) => parent.type === 'AgentType')
  const roles = parents.filter((parent) => parent.type === 'Role').map(({ id }) => id)
  return [
    uidOf(entity).type,
    ...(type === undefined ? [] : [`of type ${type.id}`]),
    ...(roles.length === 0 ? [] : [`with ${roles.sort().join(', ')}`]),
  ].join(' ')
}

function isAllowed(request: DiffRequest, trial: Trial): boolean {
  return judgeChain(contextFor(request, trial), questionFor(request), trial.known).hindrance === undefined
}

function groupOf(
  request: DiffRequest,
  effect: DiffGroup['effect'],
  principals: string,
  { before, after }: { readonly before: Trial; readonly after: Trial },
): DiffGroup {
  const { principal, action, resource, isStrong } = request
  const why = (trial: Trial): readonly string[] => {
    const { reasons } = decideForChain(contextFor(request, trial), questionFor(request), trial.known)
    return [...new Set(reasons.map(({ policy }) => policy))]
  }
  const example = { principal, resource, isStrong, before: why(before), after: why(after) }
  return { effect, principals, action, resourceType: resource.type, count: 1, example }
}

function contextFor({ principal, isStrong }: DiffRequest, { tenant }: Trial): Context {
  const id = parsePrincipalId(principal.id)
  if (id === undefined) throw new AccessError('resources_invalid', `\`${principal.id}\` is no id of a principal`)
  const authentication = isStrong ? ({ assurance: 3, mfaAge: 0 } as const) : {}
  return trialContext([{ kind: principal.type, id }], { authentication, now: Date.parse(MOMENT) }, tenant)
}

function questionFor({ action, resource }: DiffRequest): Question {
  return { action, resource, facts: {}, call: { arguments: {}, origin: NO_ORIGIN } }
}

const NO_ORIGIN = { user: [], system: [], trusted: [], untrusted: [], model: [] }
