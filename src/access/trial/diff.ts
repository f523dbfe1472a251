import type { EntityJson } from '../../cedar/index.ts'
import { SallyportError } from '../../kernel/index.ts'
import { decideForChain, judgeChain } from '../decide-chain.ts'
import { AccessError } from '../errors.ts'
import type { RecordedDecision } from '../history/recorded-decision.ts'
import type { EntityRef } from '../question.ts'
import { parseCases } from './case-file.ts'
import { caseText } from './case-text.ts'
import { generatedRequests } from './generated-requests.ts'
import { requestOfRecord } from './recorded-request.ts'
import { keyOf, materialOf, type RequestSource, requestsOfEntities, type TrialMaterial } from './request-source.ts'
import type { PolicyRequest, Trial } from './trial.ts'

/** Requests of one kind that are decided otherwise. */
export interface DiffGroup {
  readonly effect: 'allowed' | 'denied'
  /** `Agent of type analyst`, `User with data-scientist`; of a chain, the one that acts. */
  readonly principals: string
  readonly action: string
  readonly resourceType: string
  readonly count: number
  readonly example: DiffExample
}

/** A request that is decided one way before and the other way after. INVARIANT: it was decided under both. */
export interface DiffExample {
  readonly by: readonly string[]
  readonly action: string
  readonly resource: EntityRef
  /** Ids of the policies that decide before, and after. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** The request as a test case that passes under `after`; absent where the format cannot say it. */
  readonly case?: string
}

/** Where requests came from, and how many of them. */
export interface DiffPart {
  readonly of: 'entities' | 'generated' | 'recorded'
  /** How many were decided under both. */
  readonly asked: number
  /** How many there are to ask; of generated ones there is no end, and this is how many were made. */
  readonly total: number
  /** How many of those that were asked differ. */
  readonly differing: number
  /** Records that do not say enough to be asked again. */
  readonly skipped: number
}

export interface PolicyDiff {
  readonly groups: readonly DiffGroup[]
  readonly asked: number
  readonly parts: readonly DiffPart[]
  /** What no request was made for, in sentences. */
  readonly notCovered: readonly string[]
}

export interface DiffOptions {
  /** Requests over the entities that are asked at most; where there are more, every n-th. */
  readonly most?: number
  /** Requests that are made up. */
  readonly generated?: number
  readonly seed?: number
  readonly recorded?: Iterable<RecordedDecision>
  /** What a request is called afterwards, where names change; then only what there is before is asked about. */
  readonly rename?: (request: PolicyRequest) => PolicyRequest
}

const MOST = 500_000
const GENERATED = 20_000

/** How many requests were asked, of how many that are going to be as far as that is known. */
export interface DiffProgress {
  readonly asked: number
  readonly planned: number
}

/**
 * What is newly possible and newly impossible: over the principals, actions and resources of both worlds, over requests
 * made up from what the policies of both look at, and over recorded ones. Limits and lists are left aside. Yields how
 * far it has come.
 */
export function* diffTrials(
  before: Trial,
  after: Trial,
  { most = MOST, generated = GENERATED, seed = 1, recorded = [], rename }: DiffOptions = {},
): Generator<DiffProgress, PolicyDiff> {
  const other = rename === undefined ? after : before
  const material = materialOf(before, other)
  const entities = requestsOfEntities(material)
  const made = generatedRequests(before, other, { count: generated, seed })
  const step = Math.max(1, Math.ceil(entities.total / most))
  const collected = new Groups(before, after, material, rename ?? ((request) => request))
  const planned = Math.ceil(entities.total / step) + made.total
  const parts: DiffPart[] = []
  let asked = 0
  for (const [of, requests] of [
    ['entities', everyNth(entities, step)],
    ['generated', everyNth(made, 1)],
    ['recorded', requestsOf(recorded)],
  ] as const) {
    const part = { of, asked: 0, total: 0, differing: 0, skipped: 0 }
    for (const request of requests) {
      part.total++
      if (request === undefined) {
        part.skipped++
        continue
      }
      part.asked++
      asked++
      if (asked % 1000 === 0) yield { asked, planned: Math.max(asked, planned) }
      if (collected.add(request)) part.differing++
    }
    if (of === 'entities') part.total = entities.total
    if (part.total > 0) parts.push(part)
  }
  return { groups: collected.sorted(), asked, parts, notCovered: notCovered(before, after, parts) }
}

function* everyNth(requests: RequestSource, step: number): Generator<PolicyRequest> {
  for (let at = 0; at < requests.total; at += step) yield requests.at(at)
}

function* requestsOf(recorded: Iterable<RecordedDecision>): Generator<PolicyRequest | undefined> {
  for (const one of recorded) yield requestOfRecord(one)
}

/** Collects what differs, with an example of each kind. */
class Groups {
  readonly #groups = new Map<string, { group: DiffGroup; count: number }>()
  readonly #before: Trial
  readonly #after: Trial
  readonly #material: TrialMaterial
  readonly #rename: (request: PolicyRequest) => PolicyRequest

  constructor(before: Trial, after: Trial, material: TrialMaterial, rename: (request: PolicyRequest) => PolicyRequest) {
    this.#rename = rename
    this.#before = before
    this.#after = after
    this.#material = material
  }

  /** Whether the request is decided otherwise. */
  add(request: PolicyRequest): boolean {
    const [was, is] = [isAllowed(request, this.#before), isAllowed(this.#rename(request), this.#after)]
    if (was === is) return false
    const effect = is ? 'allowed' : 'denied'
    const principals = this.#nameOf(request)
    const key = JSON.stringify([effect, principals, request.action, request.resource.type])
    const known = this.#groups.get(key)
    if (known !== undefined) known.count++
    else this.#groups.set(key, { group: this.#groupOf(request, effect, principals), count: 1 })
    return true
  }

  sorted(): readonly DiffGroup[] {
    const found = [...this.#groups.values()].map(({ group, count }): DiffGroup => ({ ...group, count }))
    return found.sort(byWeight)
  }

  #groupOf(request: PolicyRequest, effect: DiffGroup['effect'], principals: string): DiffGroup {
    const isNow = effect === 'allowed'
    const differs = (one: PolicyRequest): boolean =>
      isAllowed(one, this.#before) !== isNow && isAllowed(this.#rename(one), this.#after) === isNow
    const small = simplified(request, differs)
    const renamed = this.#rename(small)
    const { by, action, resource } = small
    const before = reasonsOf(small, this.#before)
    const after = reasonsOf(renamed, this.#after)
    const expected = {
      name: `newly ${effect}: ${principals}`,
      decision: isNow ? 'allow' : 'deny',
      reasons: after,
    } as const
    const text = caseText(renamed, expected)
    const example = { by, action, resource, before, after, ...(this.#saysTheSame(text, isNow) ? { case: text } : {}) }
    return { effect, principals, action, resourceType: resource.type, count: 1, example }
  }

  /** INVARIANT: whoever pastes an example into a file of cases finds there what the diff says. */
  #saysTheSame(text: string, isNow: boolean): boolean {
    try {
      return parseCases({ name: 'example', text: `cases:\n${text}` }).every(
        (one) => isAllowed(one, this.#after) === isNow,
      )
    } catch (error) {
      if (error instanceof SallyportError) return false
      throw error
    }
  }

  #nameOf({ by }: PolicyRequest): string {
    const id = by.at(-1) ?? ''
    for (const kind of ['User', 'Agent', 'Service', 'Device']) {
      const entity = this.#material.entities.get(keyOf({ type: kind, id }))
      if (entity !== undefined) return kindText(entity, kind)
    }
    return 'somebody else'
  }
}

function byWeight(a: DiffGroup, b: DiffGroup): number {
  if (a.effect !== b.effect) return a.effect === 'allowed' ? -1 : 1
  return b.count - a.count || (a.action < b.action ? -1 : 1)
}

function kindText(entity: EntityJson, kind: string): string {
  const parents = (entity.parents ?? []).map((parent) => ('__entity' in parent ? parent.__entity : parent))
  const type = parents.find((parent) => parent.type === 'AgentType')
  const roles = parents.filter((parent) => parent.type === 'Role').map(({ id }) => id)
  return [
    kind,
    ...(type === undefined ? [] : [`of type ${type.id}`]),
    ...(roles.length === 0 ? [] : [`with ${roles.sort().join(', ')}`]),
  ].join(' ')
}

/** Whether policies, ceilings and the mandate allow it. What one of the two does not know is not allowed there. */
export function isAllowed(request: PolicyRequest, trial: Trial): boolean {
  const asked = askedOf(request, trial)
  return asked !== undefined && judgeChain(asked.ctx, asked.question, trial.known).hindrance === undefined
}

function reasonsOf(request: PolicyRequest, trial: Trial): readonly string[] {
  const asked = askedOf(request, trial)
  if (asked === undefined) return []
  const known = { ...trial.known, limits: UNLIMITED }
  return [...new Set(decideForChain(asked.ctx, asked.question, known).reasons.map(({ policy }) => policy))]
}

const UNLIMITED = {
  look: <Decision>(_: unknown, __: unknown, decision: Decision): Decision => decision,
  share: () => undefined,
}

function askedOf(request: PolicyRequest, trial: Trial): ReturnType<Trial['ask']> | undefined {
  try {
    return trial.ask(request)
  } catch (error) {
    if (error instanceof AccessError) return undefined
    throw error
  }
}

/** The request without what makes no difference to the difference. */
function simplified(request: PolicyRequest, differs: (request: PolicyRequest) => boolean): PolicyRequest {
  let small = request
  const tryWith = (change: Partial<PolicyRequest>): void => {
    const simpler = { ...small, ...change }
    if (differs(simpler)) small = simpler
  }
  if (request.by.length > 1) tryWith({ by: request.by.slice(-1), mandate: undefined })
  tryWith({ mandate: undefined })
  tryWith({ scope: undefined })
  tryWith({ address: undefined })
  tryWith({ authentication: {} })
  for (const key of request.given.keys()) {
    const others = new Map(small.given)
    others.delete(key)
    tryWith({ given: others })
  }
  for (const [key, fields] of small.given) {
    for (const name of Object.keys(fields)) {
      const { [name]: _, ...others } = small.given.get(key) ?? {}
      if (Object.keys(others).length > 0) tryWith({ given: new Map(small.given).set(key, others) })
    }
  }
  for (const name of Object.keys(request.facts)) {
    const { [name]: _, ...others } = small.facts
    tryWith({ facts: others })
  }
  return small
}

/** What nobody asked, because it cannot be made up or depends on what a running tenant knows. */
function notCovered(before: Trial, after: Trial, parts: readonly DiffPart[]): readonly string[] {
  const looked = new Set(
    [before, after].flatMap((trial) =>
      [...trial.known.set.engine.asks()].flatMap(({ values }) =>
        values.filter(({ of }) => of === 'context').map(({ path }) => path.slice(0, 2).join('.')),
      ),
    ),
  )
  const recorded = parts.find(({ of }) => of === 'recorded')
  return [
    ...(looked.has('usage') || looked.has('usage.share') ? ['how much of limits is used'] : []),
    ...(looked.has('network.country') ? ['the country that an address is in'] : []),
    ...(recorded?.skipped ? [`${recorded.skipped} recorded requests that do not say enough to be asked again`] : []),
    'chains of more than two, but for recorded ones',
    'limits, allow and deny lists, and approvals',
  ]
}
