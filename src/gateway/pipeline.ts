import type { Amounts, Decision, Reserved } from '../access/index.ts'
import { isPermitted, mayGoOn, verdictOfAll } from '../access/index.ts'
import { type Context, SallyportError } from '../kernel/index.ts'
import { OAuthError } from '../oauth/index.ts'
import { GatewayError, statusOf } from './errors.ts'
import { Flight, type Flights } from './flight.ts'
import type { OpenStream } from './open-streams.ts'
import type { GatewayPorts } from './ports.ts'
import type {
  AboutDecision,
  Arrival,
  Asked,
  ClientSink,
  Exchange,
  HttpAnswer,
  Inspection,
  Outcome,
  OutcomeStatus,
  Plan,
  Protocol,
  Ruling,
} from './protocol.ts'
import { authenticate } from './stages/authenticate.ts'
import { decide } from './stages/decide.ts'
import { forward } from './stages/forward.ts'
import { goOn } from './stages/go-on.ts'
import { inspectRequest } from './stages/inspect-request.ts'
import { inspectResponse } from './stages/inspect-response.ts'
import { type DecidedRequest, recordDecision, recordRefusal } from './stages/record-decision.ts'
import { recordOutcome } from './stages/record-outcome.ts'
import { reserve } from './stages/reserve.ts'
import { resolve } from './stages/resolve.ts'

/**
 * The way of a request, from top to bottom. It always ends the sink. Resolves with how it ended. INVARIANT: no record, no action: the upstream is
 * called, and anything but a 401 is answered, only after the decision is durable.
 */
export async function serve<Target, Kept>(
  protocol: Protocol<Target, Kept>,
  arrival: Arrival,
  sink: ClientSink,
  ports: GatewayPorts,
  flights: Flights,
): Promise<RequestEnd> {
  const flight = new Flight()
  sink.onGone(() => flight.abort(new GatewayError('client_gone', 'the client hung up')))
  const way: Way<Target> = {
    started: ports.clock.now(),
    ctx: undefined,
    target: undefined,
    reserved: undefined,
    record: undefined,
    begun: false,
    used: undefined,
    unwatch: undefined,
  }
  try {
    const caller = await authenticate(protocol, arrival, ports)
    way.ctx = caller
    const ctx = goOn(caller, arrival, ports)
    way.ctx = ctx
    sink.mark(ctx.txn, undefined)
    flights.add(flight, ctx.caller)

    const { request, target } = await resolve(protocol, ctx, arrival, ports)
    way.target = target
    const inspection = await inspectRequest(protocol, ctx, target, request, ports)
    const decided = decide(ctx, inspection.questions, ports.access)
    const { decisions, plan, reserved } = await reserve(ctx, inspection, decided, ports.access)
    way.reserved = reserved
    const record = await recordDecision(ctx, { ...inspection, decisions, ...finalOf(plan, decisions) }, ports)
    way.record = record
    sink.mark(ctx.txn, record)
    if (plan.kind !== 'forward') {
      const { answer, outcome } = answerHere(plan, protocol, { ctx, target, record, inspection })
      send(answer, sink)
      if (outcome !== undefined) recordOutcome(ctx, record, way.started, outcome, ports)
      return outcome?.status ?? 'denied'
    }

    flight.check()
    const { questions } = inspection
    if (plan.request.idleTimeout === 0) {
      way.unwatch = ports.streams.add(streamOf(ctx, ctx, questions, record, flight, ports))
    } else {
      // What ends by itself is not ended by the clock: somebody who has proved who they are a while ago had done so.
      const then = { ...ctx, clock: { now: () => way.started } }
      flight.isAllowed = streamOf(ctx, then, questions, record, flight, ports).isAllowed
    }
    way.begun = true
    const answer = await forward(plan.request, flight, ports)
    const exchange: Exchange<Target, Kept> = {
      ctx,
      request,
      target,
      kept: inspection.kept,
      decisions,
      record,
      ports,
      decide(questions, about) {
        const through = plan.request.upstream.id
        return decideWithin(
          ctx,
          record,
          questions.map((one) => ({ ...one, through })),
          about,
          ports,
        )
      },
      produced(tokens) {
        way.used = usedAtLeast(inspection, tokens)
      },
    }
    const outcome = await inspectResponse(protocol, exchange, answer, sink)
    reserved.settle({ ...way.used, ...usedBy(outcome, ctx.clock.now() - way.started) })
    recordOutcome(ctx, record, way.started, outcome, ports)
    return outcome.status
  } catch (error) {
    return await fail(protocol, arrival, flight.error ?? error, sink, way, ports)
  } finally {
    way.unwatch?.()
    flights.remove(flight)
  }
}

/** How a request ended; `refused` before anything could be decided. */
export type RequestEnd = OutcomeStatus | 'refused' | 'unauthenticated'

/** How far a request came. */
interface Way<Target> {
  readonly started: number
  ctx: Context | undefined
  target: Target | undefined
  reserved: Reserved | undefined
  record: number | undefined
  /** Whether anything can have reached the upstream. */
  begun: boolean
  /** What it has used, as far as can be told before its end. */
  used: Amounts | undefined
  /** For a stream without an end. */
  unwatch: (() => void) | undefined
}

/** What is recorded as the decision about the request as a whole. */
function finalOf(plan: Plan, decisions: readonly Decision[]): Pick<DecidedRequest, 'outcome' | 'deciding' | 'hidden'> {
  switch (plan.kind) {
    case 'forward':
      return { outcome: verdictOfAll(decisions) }
    case 'answer':
      // A listing that shows nothing was denied as a whole.
      return { outcome: verdictOfAny(decisions) }
    case 'deny':
      return { outcome: 'deny', deciding: plan.decision }
    case 'hide':
      return { outcome: 'deny', deciding: plan.decision, hidden: true }
  }
}

function verdictOfAny(decisions: readonly Decision[]): DecidedRequest['outcome'] {
  if (decisions.some(({ decision }) => decision === 'allow')) return 'allow'
  return decisions.some(mayGoOn) ? 'observed-deny' : 'deny'
}

/** What is answered without an upstream. A denial has no outcome: nothing was done. */
function answerHere<Target, Kept>(
  plan: Exclude<Plan, { kind: 'forward' }>,
  protocol: Protocol<Target, Kept>,
  at: {
    readonly ctx: Context
    readonly target: Target
    readonly record: number
    readonly inspection: Inspection<Kept>
  },
): { readonly answer: HttpAnswer; readonly outcome?: Outcome } {
  const reference = { txn: at.ctx.txn, record: at.record }
  if (plan.kind === 'answer') {
    const answer = plan.answer(reference)
    return { answer, outcome: { status: 'ok', httpStatus: answer.status } }
  }
  const { target } = at
  if (plan.kind === 'hide') {
    const status = statusOf(plan.error)
    return { answer: protocol.failed({ ...reference, error: plan.error, status, target }) }
  }
  const { decision, question } = plan
  return { answer: protocol.denied({ ...reference, question, decision, target, kept: at.inspection.kept }) }
}

/** What has gone upstream, to be decided on again while it is under way; a denial then is a record within its own. */
function streamOf(
  ctx: Context,
  asked: Context,
  questions: Inspection['questions'],
  within: number,
  flight: Flight,
  ports: GatewayPorts,
): OpenStream {
  return {
    caller: ctx.caller,
    isAllowed() {
      const decisions = decide(asked, questions, ports.access)
      // What it needed of limits was taken when it began.
      if (decisions.every(isPermitted)) return true
      recordDecision(ctx, { questions, decisions, outcome: 'deny', within }, ports).catch((error: unknown) =>
        ports.report({ what: 'the end of a stream could not be recorded', txn: ctx.txn, error }),
      )
      return false
    },
    end: (why) => flight.abort(new GatewayError('cut', why)),
  }
}

/** Decides what the answer to a request made necessary, in a record of its own. */
async function decideWithin(
  ctx: Context,
  within: number,
  questions: readonly Asked[],
  about: AboutDecision | undefined,
  ports: GatewayPorts,
): Promise<Ruling> {
  const [first, ...rest] = questions
  if (first === undefined) return { decisions: [], record: within }
  const asked = decide(ctx, questions, ports.access)
  // Where one is denied none goes on, so that nothing is needed.
  const isAllowed = asked.every(mayGoOn)
  const reserved = isAllowed ? await ports.access.reserve(ctx, questions, asked) : undefined
  const decisions = isTaken(reserved)
    ? (reserved?.decisions ?? asked)
    : await ports.access.ask(ctx, questions, reserved?.refused ?? asked)
  const outcome = verdictOfAll(decisions)
  const decided = { questions: [first, ...rest], decisions, outcome, within } as const
  try {
    const record = await recordDecision(ctx, about === undefined ? decided : { ...decided, ...about }, ports)
    // What the client does with it is done elsewhere; nobody will say how much it took.
    reserved?.settle()
    return { decisions, record }
  } catch (error) {
    reserved?.release()
    throw error
  }
}

function isTaken(reserved: Reserved | undefined): boolean {
  return reserved !== undefined && reserved.refused === undefined
}

/** What limits are settled with; `ms` is what it took. What is not in here is settled as it was reserved. */
function usedBy({ usage, status, httpStatus = 0 }: Outcome, ms: number): Amounts {
  const seconds = Math.max(0, ms) / 1000
  if (usage !== undefined) return { input_tokens: usage.prompt, output_tokens: usage.completion, seconds }
  // RFC 9110 §15.5: the upstream says that it did not do what it was asked.
  const isRefused = status === 'upstream_error' && httpStatus >= 400 && httpStatus < 500
  return isRefused ? { input_tokens: 0, output_tokens: 0, seconds } : { seconds }
}

/** Undefined where what was reserved covers it: that stands, because more may have come than anybody has seen. */
function usedAtLeast({ questions }: Pick<Inspection, 'questions'>, tokens: number): Amounts | undefined {
  const [{ amounts }] = questions
  // Where none were expected, what came was something else.
  if (amounts?.output_tokens === undefined || amounts.output_tokens === 0) return undefined
  return tokens <= amounts.output_tokens ? undefined : { ...amounts, output_tokens: tokens }
}

/** Whether a request failed before a connection was there that it could have been sent on. */
function isNeverSent(thrown: unknown): boolean {
  if (!(thrown instanceof GatewayError)) return false
  const code: unknown = thrown.cause instanceof Error && 'code' in thrown.cause ? thrown.cause.code : undefined
  return typeof code === 'string' && UNCONNECTED.has(code)
}

const UNCONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Tells the client what went wrong, and the log. */
async function fail<Target>(
  protocol: Protocol<Target>,
  arrival: Arrival,
  thrown: unknown,
  sink: ClientSink,
  way: Way<Target>,
  ports: GatewayPorts,
): Promise<RequestEnd> {
  const { ctx, target, reserved } = way
  if (way.begun && !isNeverSent(thrown)) reserved?.settle(way.used)
  else reserved?.release()
  let error = knownError(thrown, ctx, ports)
  const decided = way.record
  if (ctx !== undefined && decided === undefined && !error.code.startsWith('log_')) {
    try {
      way.record = await recordRefusal(ctx, error, aboutOf(error, arrival), ports)
      sink.mark(ctx.txn, way.record)
    } catch (unwritable) {
      error = knownError(unwritable, ctx, ports)
    }
  }
  const status = statusOf(error)
  const failure = { txn: ctx?.txn, record: way.record, error, status, target }
  if (sink.started) {
    if (sink.isEventStream) sink.end(protocol.failedInStream(failure))
    else sink.destroy()
  } else {
    const answer = protocol.failed(failure)
    const challenge = error instanceof OAuthError ? challengeOf(protocol, error, arrival, ports) : undefined
    send(challenge === undefined ? answer : { ...answer, headers: { ...answer.headers, ...challenge } }, sink)
  }
  const end = OUTCOMES[error.code] ?? 'failed'
  if (ctx !== undefined && decided !== undefined) {
    const outcome: Outcome = { status: end, httpStatus: sink.status ?? status }
    recordOutcome(ctx, decided, way.started, outcome, ports)
  }
  if (status === 401) return 'unauthenticated'
  return decided === undefined && status < 500 && end === 'failed' ? 'refused' : end
}

const OUTCOMES: Readonly<Record<string, OutcomeStatus>> = {
  client_gone: 'cancelled',
  cut: 'cut',
  upstream_unreachable: 'upstream_failed',
  upstream_broken: 'upstream_failed',
  upstream_timeout: 'upstream_timeout',
}

/** What nobody foresaw is told to the operator, and to the client only that it happened. */
function knownError(thrown: unknown, ctx: Context | undefined, ports: GatewayPorts): SallyportError {
  const isKnown = thrown instanceof SallyportError && statusOf(thrown) !== 500
  if (!isKnown || statusOf(thrown) > 500) {
    const problem = { what: 'a request failed', error: thrown }
    ports.report(ctx === undefined ? problem : { ...problem, txn: ctx.txn })
  }
  return isKnown ? thrown : new GatewayError('internal', 'internal error', { cause: thrown })
}

function aboutOf(error: SallyportError, arrival: Arrival) {
  if (error instanceof GatewayError && error.about !== undefined) return error.about
  return { action: 'request', resource: { type: 'Endpoint', id: `${arrival.method} ${arrival.path}`.slice(0, 200) } }
}

function challengeOf(protocol: Protocol, error: OAuthError, arrival: Arrival, ports: GatewayPorts) {
  const resource = ports.publicUrl + protocol.audienceOf(arrival.path)
  return { 'www-authenticate': ports.authorization.challenge(error, { resource }) }
}

function send(answer: HttpAnswer, sink: ClientSink): void {
  sink.start(answer.status, answer.headers)
  sink.end(answer.body)
}
