import { isPermitted, verdictOfAll } from '../../src/access/index.ts'
import type { Asked as GatewayQuestion } from '../../src/gateway/protocol.ts'
import { decide } from '../../src/gateway/stages/decide.ts'
import { recordDecision } from '../../src/gateway/stages/record-decision.ts'
import { authzenRoutes } from '../../src/http/api/authzen.ts'
import { answerAsked } from '../../src/http/ask.ts'
import type { Call } from '../../src/http/route.ts'
import {
  type Context,
  digestJson,
  type FakeClock,
  type Mandate,
  type PrincipalKind,
  type PrincipalRef,
  parsePrincipalId,
  type Txn,
} from '../../src/kernel/index.ts'
import type { Tenant } from '../../src/server/tenant.ts'
import type { Company } from './company.ts'
import { type Random, randomFrom } from './random.ts'
import type { FleetMandate, FleetQuestion, FleetRequest } from './requests.ts'

export interface Played {
  /** Questions that were decided. */
  readonly decisions: number
  readonly allowed: number
  readonly denied: number
  /** Requests, each with its record. */
  readonly requests: number
  /** Indices of the records of the planted misuse. */
  readonly misuse: readonly number[]
}

export interface Stage {
  readonly company: Company
  readonly tenant: Tenant
  readonly clock: FakeClock
}

/** Requests that are under way at the same time. */
const AT_ONCE = 1024

/**
 * Puts the requests to the tenant, by the code with which the product decides and records them: what came through the
 * gateway by the gateway's own stages, the rest by the decision API. The clock of the tenant goes with the requests.
 */
export async function playRequests(requests: readonly FleetRequest[], stage: Stage): Promise<Played> {
  const cast = castOf(stage.company)
  const random = randomFrom(requests.length)
  const played = { decisions: 0, allowed: 0, denied: 0, requests: requests.length, misuse: [] as number[] }
  for (let first = 0; first < requests.length; first += AT_ONCE) {
    await Promise.all(
      requests.slice(first, first + AT_ONCE).map(async (request) => {
        if (request.at > stage.clock.now()) stage.clock.set(request.at)
        const done = await (request.way === 'gateway' ? throughGateway : byAuthzen)(request, cast, random, stage)
        played.decisions += request.questions.length
        played.allowed += done.allowed
        played.denied += request.questions.length - done.allowed
        if (request.misuse !== undefined) played.misuse.push(done.record)
      }),
    )
  }
  return played
}

interface Done {
  readonly allowed: number
  readonly record: number
}

async function throughGateway(request: FleetRequest, cast: Cast, random: Random, { tenant }: Stage): Promise<Done> {
  const ctx = contextOf(request, cast, random, tenant)
  const [first, ...more] = request.questions
  const questions: readonly [GatewayQuestion, ...GatewayQuestion[]] = [asked(first), ...more.map(asked)]
  const found = decide(ctx, questions, tenant.access)
  const isAllowed = found.every(isPermitted)
  const reserved = isAllowed ? await tenant.access.reserve(ctx, questions, found) : undefined
  const decisions = reserved?.refused ?? (isAllowed ? found : await tenant.access.ask(ctx, questions, found))
  const outcome = verdictOfAll(decisions)
  const record = await recordDecision(
    ctx,
    { questions, decisions, outcome, detail: { method: request.questions[0].action } },
    { access: tenant.access, log: tenant.log },
  )
  if (outcome === 'deny') return { allowed: 0, record }
  reserved?.settle()
  // Nobody waits for it, as in the gateway.
  const body = { of: record, status: 'ok', ms: 40 + random.below(400) }
  const { txn, trace } = ctx
  void tenant.log.append({ kind: 'outcome', tenant: tenant.id, txn, trace, at: request.at + body.ms, body })
  return { allowed: request.questions.length, record }
}

function asked(question: FleetQuestion): GatewayQuestion {
  const { action, resource, amounts, arguments: args } = question
  const use = amounts === undefined ? {} : { amounts }
  if (args === undefined) return { action, resource, ...use }
  const texts = Object.fromEntries(Object.entries(args).map(([pointer, { text }]) => [pointer, text]))
  const sources = Object.entries(args).map(([pointer, { source, trusted }]) => ({ pointer, source, trusted }))
  return {
    action,
    resource,
    ...use,
    call: { arguments: texts, origin: originOf(question), sources },
    argumentsDigest: digestJson(texts),
  }
}

type Origin = Readonly<Record<'user' | 'system' | 'trusted' | 'untrusted' | 'model', readonly string[]>>

function originOf({ arguments: args = {} }: FleetQuestion): Origin {
  const from = (is: (source: string, trusted: boolean) => boolean): readonly string[] =>
    Object.entries(args).flatMap(([pointer, { source, trusted }]) => (is(source, trusted) ? [pointer] : []))
  return {
    user: from((source) => source === 'user'),
    system: [],
    trusted: from((source, trusted) => source.startsWith('tool:') && trusted),
    untrusted: from((source, trusted) => source.startsWith('tool:') && !trusted),
    model: from((source) => source === 'model'),
  }
}

async function byAuthzen(request: FleetRequest, cast: Cast, random: Random, { tenant }: Stage): Promise<Done> {
  const { questions, chain } = request
  const pointOfEnforcement = questions[0].action.startsWith('training') ? 'training-gateway' : 'data-gateway'
  const ctx = contextOf(
    { ...request, chain: [pointOfEnforcement], mandate: undefined, scope: undefined },
    cast,
    random,
    tenant,
  )
  const call = { tenant, ctx, body: evaluations(request, cast) }
  const { record, answer } = await answerAsked(tenant, ctx, { action: 'decision:ask', summary: ROUTE.summary }, () => {
    if (ROUTE.ask === undefined || ROUTE.read === undefined) throw new TypeError('this route answers questions')
    // Of a call, the route looks at these.
    return ROUTE.ask({ ...call, body: ROUTE.read(call.body) } as unknown as Call)
  })
  const decided = readAnswer(answer)
  if (decided.length !== questions.length) throw new Error(`not every question of ${chain.join(' > ')} was answered`)
  return { allowed: decided.filter((one) => one).length, record }
}

const ROUTE = evaluationsRoute()

function evaluationsRoute(): (typeof authzenRoutes)[number] {
  const found = authzenRoutes.find(({ path }) => path.endsWith('/evaluations'))
  if (found === undefined) throw new TypeError('there is no route for many questions')
  return found
}

/** The body of a request to the decision API: what an enforcement point would send. */
export function evaluations({ questions, chain }: Pick<FleetRequest, 'questions' | 'chain'>, cast: Cast): object {
  const [subject, ...actors] = chain.map((id) => ({ type: kindOf(id, cast).toLowerCase(), id }))
  return {
    subject,
    evaluations: questions.map((question) => ({
      action: { name: question.action },
      resource: question.resource,
      context: {
        ...question.facts,
        ...(actors.length === 0 ? {} : { actors }),
        ...(question.arguments === undefined
          ? {}
          : {
              arguments: Object.fromEntries(Object.entries(question.arguments).map(([at, { text }]) => [at, text])),
              origin: originOf(question),
            }),
      },
    })),
  }
}

function readAnswer(answer: unknown): readonly boolean[] {
  if (typeof answer !== 'object' || answer === null || !('evaluations' in answer)) throw new TypeError('no answers')
  const list: unknown = answer.evaluations
  if (!Array.isArray(list)) throw new TypeError('no answers')
  return list.map((one: { readonly decision?: unknown }) => one.decision === true)
}

/** Of which kind everybody is. */
export type Cast = ReadonlyMap<string, PrincipalKind>

export function castOf({ people, agents, services }: Company): Cast {
  return new Map([
    ...people.map(({ id }) => [id, 'User'] as const),
    ...agents.map(({ id }) => [id, 'Agent'] as const),
    ...services.map(({ id }) => [id, 'Service'] as const),
  ])
}

function kindOf(id: string, cast: Cast): PrincipalKind {
  const kind = cast.get(id)
  if (kind === undefined) throw new RangeError(`nobody is called ${id}`)
  return kind
}

function contextOf(request: FleetRequest, cast: Cast, random: Random, tenant: Tenant): Context {
  const { at, chain, authenticatedBefore, mfaBefore, address, scope, mandate } = request
  const [first, ...more] = chain.map((id): PrincipalRef => {
    const principal = parsePrincipalId(id)
    if (principal === undefined) throw new RangeError(`\`${id}\` is no id`)
    return { kind: kindOf(id, cast), id: principal }
  })
  if (first === undefined) throw new RangeError('a request of nobody')
  const mfa = mfaBefore === undefined ? {} : { factors: ['pwd', 'otp'], assurance: 2 as const, mfaAt: at - mfaBefore }
  return {
    tenant: tenant.id,
    txn: txnOf(random, at),
    trace: idOf(random, 32, '0123456789abcdef'),
    clock: { now: () => at },
    ...(address === undefined ? {} : { address }),
    caller: {
      chain: [first, ...more],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: at - authenticatedBefore, ...mfa },
      scope: scope === undefined ? undefined : new Set(scope),
      credential: `tok_${chain.at(-1)}`,
      expiresAt: at + 600_000,
      ...(mandate === undefined ? {} : { mandate: mandateOf(mandate, at) }),
    },
  }
}

function mandateOf({ actions, resources, purpose, endsAfter, within }: FleetMandate, at: number): Mandate {
  return {
    actions,
    resources,
    ...(purpose === undefined ? {} : { purpose }),
    expiresAt: at + endsAfter,
    ...(within === undefined ? {} : { within: mandateOf(within, at) }),
  }
}

// Of the form of ours (kernel/ids.ts), and the same for the same seed.
function txnOf(random: Random, at: number): Txn {
  let time = ''
  for (let rest = at, n = 0; n < 10; n++, rest = Math.floor(rest / 32)) time = DIGITS.charAt(rest % 32) + time
  return `txn_${time}${idOf(random, 16)}` as Txn
}

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'

function idOf(random: Random, length: number, alphabet = DIGITS): string {
  let text = ''
  for (let n = 0; n < length; n++) text += alphabet[random.below(alphabet.length)]
  return text
}
