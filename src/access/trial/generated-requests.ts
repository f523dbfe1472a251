import type { AskedValue, EntityJson, PolicyAsks, SchemaAction, TriedValue } from '../../cedar/index.ts'
import type { Json } from '../../kernel/index.ts'
import { SCOPES } from '../facts.ts'
import type { EntityRef } from '../question.ts'
import { type Random, randomOf } from './random.ts'
import { keyOf, materialOf, plainRequest, type RequestSource, type TrialMaterial } from './request-source.ts'
import type { PolicyRequest, Trial } from './trial.ts'
import { isPrincipalKind } from './trial-context.ts'

export interface GenerateOptions {
  readonly count: number
  readonly seed: number
}

/**
 * Requests that come close to what the policies of both ask for: each is made for one policy, those first that only one
 * of the two has, with values to either side of what its conditions look at. The same seed makes the same requests.
 */
export function generatedRequests(before: Trial, after: Trial, { count, seed }: GenerateOptions): RequestSource {
  const making = makingOf(before, after)
  const random = randomOf(seed)
  // One request leads to the next: they are made in order, and kept only as long as nobody asks for an earlier one.
  const made: PolicyRequest[] = []
  const total = making.actions.length === 0 ? 0 : count
  return {
    total,
    at(index) {
      while (made.length <= index) made.push(makeRequest(random, making))
      const request = made[index]
      if (request === undefined) throw new RangeError('no such request')
      return request
    },
  }
}

interface Making extends Omit<TrialMaterial, 'actions'> {
  readonly actions: readonly SchemaAction[]
  readonly asks: readonly PolicyAsks[]
  /** Those that only one of the two has. */
  readonly changed: readonly PolicyAsks[]
  /** What any policy looks at, by the variable. */
  readonly values: Readonly<Record<AskedValue['of'], readonly AskedValue[]>>
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>
  readonly ancestors: ReadonlyMap<string, ReadonlySet<string>>
}

function makingOf(before: Trial, after: Trial): Making {
  const material = materialOf(before, after)
  const [was, is] = [before, after].map((trial) => [...trial.known.set.engine.asks()])
  const all = [...(was ?? []), ...(is ?? [])]
  const texts = (list: readonly PolicyAsks[] | undefined): ReadonlySet<string> => new Set(list?.map(identityOf))
  const [inBefore, inAfter] = [texts(was), texts(is)]
  const values = all.flatMap((one) => one.values)
  const actions = [...material.actions.values()].filter(
    ({ principals, resources }) =>
      resources.some((type) => material.byType.has(type)) &&
      principals.some((kind) => isPrincipalKind(kind) && material.byType.has(kind)),
  )
  return {
    ...material,
    actions,
    asks: all,
    changed: all.filter((one) => !inBefore.has(identityOf(one)) || !inAfter.has(identityOf(one))),
    values: {
      principal: values.filter(({ of }) => of === 'principal'),
      resource: values.filter(({ of }) => of === 'resource'),
      context: values.filter(({ of }) => of === 'context'),
    },
    groups: new Map(actions.map((action) => [action.id, groupsAround(action, material.actions)])),
    ancestors: ancestorsIn(material.entities),
  }
}

/** Two policies that say the same of the same. */
function identityOf({ id, text, scope, source }: PolicyAsks): string {
  return JSON.stringify([id, text, scope, source])
}

function groupsAround(action: SchemaAction, all: ReadonlyMap<string, SchemaAction>): ReadonlySet<string> {
  const found = new Set([uidText(action)])
  const open = [...action.parents]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const group = all.get(id)
    if (group === undefined || found.has(uidText(group))) continue
    found.add(uidText(group))
    open.push(...group.parents)
  }
  return found
}

function uidText({ uid }: SchemaAction): string {
  return keyOf(uid)
}

/** Every entity, with itself and all that it is in. */
function ancestorsIn(entities: ReadonlyMap<string, EntityJson>): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>()
  const around = (key: string): ReadonlySet<string> => {
    const known = found.get(key)
    if (known !== undefined) return known
    const own = new Set([key])
    found.set(key, own)
    for (const parent of entities.get(key)?.parents ?? []) {
      for (const ancestor of around(keyOf('__entity' in parent ? parent.__entity : parent))) own.add(ancestor)
    }
    return own
  }
  for (const key of entities.keys()) around(key)
  return found
}

function makeRequest(random: Random, making: Making): PolicyRequest {
  const from = making.changed.length > 0 && random.chance(0.7) ? making.changed : making.asks
  const asks = random.pick(from)
  const action = actionFor(asks, random, making)
  const principal = entityFor('principal', asks, action.principals.filter(isPrincipalKind), random, making)
  const resource = entityFor('resource', asks, action.resources, random, making)
  if (principal === undefined || resource === undefined) throw new RangeError('nobody to ask, or nothing to ask about')
  const by = chainTo(principal, random, making)
  let request = plainRequest(by, action, resource)
  if (random.chance(0.5)) request = { ...request, authentication: { assurance: 3, mfaAge: 0 } }
  if (random.chance(0.1)) request = { ...request, scope: SCOPES.filter(() => random.chance(0.5)) }
  if (by.length > 1 && random.chance(0.3))
    request = { ...request, mandate: mandateFor(action, resource, random, making) }
  for (const [of, uid] of [
    ['principal', principal],
    ['resource', resource],
  ] as const) {
    for (const asked of chosen(of, asks, random, making))
      request = withGiven(request, uid, asked, random, making.entities)
  }
  for (const asked of chosen('context', asks, random, making)) request = withFact(request, asked, action, random)
  return withOrigins(request, resource, random, making)
}

/** What the policy itself looks at, and some of what others do. */
function chosen(
  of: AskedValue['of'],
  asks: PolicyAsks | undefined,
  random: Random,
  { values }: Making,
): readonly AskedValue[] {
  const own = (asks?.values ?? []).filter((one) => one.of === of && random.chance(0.85))
  const others = [0, 1].flatMap((): readonly AskedValue[] => {
    const other = random.chance(0.3) ? random.pick(values[of]) : undefined
    return other === undefined ? [] : [other]
  })
  // What the policy itself looks at has the last word.
  return [...others, ...own]
}

function actionFor(asks: PolicyAsks | undefined, random: Random, { actions, groups }: Making): SchemaAction {
  const within = asks?.scope.action.within ?? []
  const fits = actions.filter(({ id }) =>
    within.every((uids) => uids.some((uid) => groups.get(id)?.has(keyOf(uid)) === true)),
  )
  const action = random.pick(fits.length > 0 && random.chance(0.9) ? fits : actions)
  if (action === undefined) throw new RangeError('no action to ask about')
  return action
}

function entityFor(
  part: 'principal' | 'resource',
  asks: PolicyAsks | undefined,
  types: readonly string[],
  random: Random,
  { byType, ancestors }: Making,
): EntityRef | undefined {
  const possible = types.flatMap((type) => byType.get(type) ?? [])
  const scope = asks?.scope[part]
  if (scope === undefined || random.chance(0.15)) return random.pick(possible)
  const fits = possible.filter((uid) => {
    if (scope.types.length > 0 && !scope.types.includes(uid.type)) return false
    return scope.within.every((uids) => uids.some((one) => ancestors.get(keyOf(uid))?.has(keyOf(one)) === true))
  })
  return random.pick(fits.length > 0 ? fits : possible)
}

/** An agent acts for somebody now and then. */
function chainTo(principal: EntityRef, random: Random, { byType }: Making): readonly string[] {
  if (principal.type === 'User' || !random.chance(0.25)) return [principal.id]
  const subject = random.pick(byType.get('User') ?? [])
  return subject === undefined ? [principal.id] : [subject.id, principal.id]
}

function mandateFor(
  action: SchemaAction,
  resource: EntityRef,
  random: Random,
  { actions, byType }: Making,
): PolicyRequest['mandate'] {
  const other = random.chance(0.3) ? random.pick(actions) : undefined
  const elsewhere = random.chance(0.3) ? random.pick(byType.get(resource.type) ?? []) : undefined
  return { actions: [(other ?? action).id], resources: [elsewhere ?? resource] }
}

function withGiven(
  request: PolicyRequest,
  uid: EntityRef,
  { path, values, tag }: AskedValue,
  random: Random,
  entities: Making['entities'],
): PolicyRequest {
  const [name, ...below] = path
  if (name === undefined || tag !== undefined) return request
  const attribute = entities.get(keyOf(uid))?.attrs?.[name]
  if (below.length > 0) {
    const next = refIn(attribute)
    return next === undefined || !entities.has(keyOf(next))
      ? request
      : withGiven(request, next, { of: 'resource', path: below, values }, random, entities)
  }
  const value = random.pick(values)
  // An attribute that is there cannot be taken away for one request.
  if (value === undefined) return request
  const known = request.given.get(keyOf(uid))
  return { ...request, given: new Map(request.given).set(keyOf(uid), { ...known, [name]: jsonOf(value) }) }
}

function refIn(value: unknown): EntityRef | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const ref = '__entity' in value ? value.__entity : value
  if (typeof ref !== 'object' || ref === null || !('type' in ref) || !('id' in ref)) return undefined
  return typeof ref.type === 'string' && typeof ref.id === 'string' ? { type: ref.type, id: ref.id } : undefined
}

function jsonOf(value: Exclude<TriedValue, undefined>): Json {
  if (typeof value !== 'object') return value
  if ('entity' in value) return { __entity: { type: value.entity.type, id: value.entity.id } }
  if ('set' in value) return value.set.map(jsonOf)
  if ('address' in value) return { __extn: { fn: 'ip', arg: value.address } }
  return { __extn: { fn: 'datetime', arg: new Date(value.moment).toISOString() } }
}

const HOUR = 3_600_000
const WEEK = 7 * 24 * HOUR

function withFact(request: PolicyRequest, asked: AskedValue, action: SchemaAction, random: Random): PolicyRequest {
  const [name, second] = asked.path
  const value = random.pick(asked.values)
  switch (name) {
    case 'authentication':
      return second === undefined ? request : withAuthentication(request, second, value)
    case 'scope':
      return typeof value === 'object' && 'set' in value ? { ...request, scope: value.set.map(String) } : request
    case 'purpose': {
      const mandate = request.mandate ?? { actions: [request.action], resources: [request.resource] }
      return typeof value === 'string' ? { ...request, mandate: { ...mandate, purpose: value } } : request
    }
    case 'now':
      return typeof value === 'object' && 'moment' in value ? { ...request, now: value.moment } : request
    case 'time':
      // Which hour it is there depends on the tenant's time zone.
      return { ...request, now: request.now + random.below(WEEK / HOUR) * HOUR }
    case 'network':
      return typeof value === 'object' && 'address' in value ? { ...request, address: value.address } : request
    case 'arguments':
      return asked.tag === undefined ? request : withArgument(request, asked.tag, value)
    case 'origin':
    case 'usage':
    case 'chainLength':
    case undefined:
      return request
    default:
      return withOwnFact(request, asked, value, action)
  }
}

function withAuthentication(request: PolicyRequest, name: string, value: TriedValue): PolicyRequest {
  const { [name]: _, ...others }: Readonly<Record<string, unknown>> = request.authentication
  const isFit =
    name === 'factors'
      ? typeof value === 'object' && 'set' in value
      : typeof value === 'number' && value >= 0 && (name !== 'assurance' || (value >= 1 && value <= 3))
  if (value === undefined) return { ...request, authentication: others }
  if (!isFit || !['factors', 'assurance', 'age', 'mfaAge'].includes(name)) return request
  const fit = typeof value === 'object' && 'set' in value ? value.set.map(String) : value
  return { ...request, authentication: { ...others, [name]: fit } }
}

function withArgument(request: PolicyRequest, tag: string, value: TriedValue): PolicyRequest {
  if (request.call === undefined) return request
  const { [tag]: _, ...others } = request.call.arguments
  const given = typeof value === 'string' ? { ...others, [tag]: value } : others
  return { ...request, call: { ...request.call, arguments: given } }
}

/** A fact that only the action has, or that an enforcement point states. */
function withOwnFact(
  request: PolicyRequest,
  asked: AskedValue,
  value: TriedValue,
  action: SchemaAction,
): PolicyRequest {
  const [name = '', ...below] = asked.path
  if (below.length > 0 || !action.facts.some((fact) => fact.name === name)) return request
  const { [name]: _, ...others } = request.facts
  return { ...request, facts: value === undefined ? others : { ...others, [name]: jsonOf(value) } }
}

const SOURCES = ['user', 'system', 'trusted', 'untrusted', 'model'] as const

/** Of a call, every argument comes from somewhere; those that decide where the effect goes are among them. */
function withOrigins(request: PolicyRequest, resource: EntityRef, random: Random, { entities }: Making): PolicyRequest {
  if (request.call === undefined) return request
  const guarded = entities.get(keyOf(resource))?.attrs?.guarded
  const pointers = Array.isArray(guarded) ? guarded.filter((one) => typeof one === 'string') : []
  const given = { ...Object.fromEntries(pointers.map((pointer) => [pointer, 'x'])), ...request.call.arguments }
  const origin: Record<(typeof SOURCES)[number], string[]> = {
    user: [],
    system: [],
    trusted: [],
    untrusted: [],
    model: [],
  }
  for (const pointer of Object.keys(given))
    origin[random.chance(0.5) ? 'user' : (random.pick(SOURCES) ?? 'user')].push(pointer)
  return { ...request, call: { arguments: given, origin } }
}
