import { z } from 'zod'
import type { Clock, PrincipalRef } from '../../kernel/index.ts'
import { errorText, SallyportError } from '../../kernel/index.ts'
import type { TenantStore } from '../../store/index.ts'
import type { Access } from '../access.ts'
import { AccessError } from '../errors.ts'
import type { EntityRef } from '../question.ts'
import { type ComparedDecision, Comparison } from '../replay/comparison.ts'
import type { ReplayReport } from '../replay/report.ts'
import type { Evidence } from '../revisions/revision.ts'
import type { Revisions } from '../revisions/revisions.ts'
import type { Judged, Moment } from './moment.ts'
import type { RunningShadow } from './running-shadow.ts'
import type { ShadowCounts } from './shadow-eye.ts'

/** A candidate in shadow, or the last one. Times in milliseconds since the epoch. */
export interface ShadowStatus {
  /** Addresses of the revisions that are tried. */
  readonly revisions: readonly string[]
  /** Of all that would decide together. */
  readonly candidate: string
  readonly by: string
  readonly startedAt: number
  /** When it ends by itself. */
  readonly until: number
  /** Since it was started; of a restart, what came after its last seconds may be missing. */
  readonly counts: ShadowCounts
  readonly ended?: { readonly at: number; readonly why: string }
  /** Differences since this process began. */
  readonly report: ReplayReport
}

/** Where records of decisions are found, and differences recorded. Satisfied in server/. */
export interface ShadowLog {
  /** The records of these decisions, in their order; undefined for one that is not durable, or on no record. */
  find(wanted: readonly WantedRecord[]): Promise<readonly (FoundRecord | undefined)[]>
  /** Puts differences on record. */
  record(differences: ShadowDifferences): Promise<void>
}

export interface WantedRecord {
  readonly txn: string
  readonly action: string
  readonly resource: EntityRef
  /** When it was decided: a conversation asks for the same again and again. */
  readonly at: number
}

export interface FoundRecord {
  readonly index: number
  readonly place: number
}

export interface ShadowDifferences {
  readonly candidate: string
  readonly differences: readonly {
    /** Index of the decision's record, and the place of the question in it. */
    readonly record: number
    readonly place: number
    readonly was: 'allow' | 'deny'
    readonly is: 'allow' | 'deny'
    readonly before: readonly string[]
    readonly after: readonly string[]
  }[]
  /** Differences of decisions that are on no record, or were too many to be written down. */
  readonly more: number
}

export interface Shadows {
  /** The one that runs, or the last. */
  status(): ShadowStatus | undefined
  /**
   * Tries revisions on live requests, for at most so many milliseconds. Rejects with `revision_unknown`,
   * `shadow_running`, `shadow_impossible`, `policies_invalid`.
   */
  start(
    addresses: readonly string[],
    asked: { readonly by: readonly PrincipalRef[]; readonly ms: number },
  ): Promise<ShadowStatus>
  /** Rejects with `shadow_unknown` where none runs. */
  stop(): Promise<ShadowStatus>
  close(): Promise<void>
}

export interface ShadowDeps {
  readonly store: TenantStore
  readonly clock: Clock
  readonly access: Pick<Access, 'shadow' | 'revision'>
  readonly revisions: Pick<Revisions, 'supposing' | 'attachEvidence'>
  readonly log: ShadowLog
  /** `Agent of type analyst` */
  readonly kindOf: (principal: EntityRef) => string
  readonly report: (error: unknown) => void
}

/** A week. */
export const LONGEST_SHADOW = 7 * 86_400_000

/** Opens the shadow of a tenant, and goes on with one that ran when the process ended. */
export async function openShadows(deps: ShadowDeps): Promise<Shadows> {
  const { store, clock, access, revisions, log, report } = deps
  const kept = await store.read(loadShadow)
  let run: Run | undefined
  let last: ShadowStatus | undefined
  let starting: Promise<unknown> = Promise.resolve()

  const statusOf = (mine: Run): ShadowStatus => ({
    ...mine.about,
    counts: mine.countsNow(),
    report: mine.comparison.report({
      candidate: mine.about.candidate,
      active: mine.active,
      from: mine.about.startedAt,
      to: clock.now(),
      records: mine.countsNow().seen,
      titles: mine.running.titles(),
      ms: 0,
    }),
  })
  const save = (status: Omit<ShadowStatus, 'report'>): Promise<void> => keepShadow(store, status)

  const flush = async (mine: Run): Promise<void> => {
    const pending = mine.pending.splice(0)
    const differences: ShadowDifferences['differences'][number][] = []
    let more = mine.unwritten
    mine.unwritten = 0
    const records = await log.find(pending.map(({ decided }) => decided))
    for (const [position, { decided, judged }] of pending.entries()) {
      const found = records[position]
      if (found === undefined) {
        more++
        continue
      }
      mine.comparison.add({ ...decided, ...found }, judged)
      differences.push({
        record: found.index,
        place: found.place,
        was: decided.decision,
        is: judged.decision,
        before: [...new Set(decided.reasons.map(({ policy }) => policy))],
        after: [...new Set(judged.reasons.map(({ policy }) => policy))],
      })
    }
    if (differences.length + more > 0) await log.record({ candidate: mine.about.candidate, differences, more })
    await save({ ...mine.about, counts: mine.countsNow() })
  }

  const end = async (mine: Run, why: string): Promise<ShadowStatus> => {
    if (run === mine) run = undefined
    clearInterval(mine.timer)
    mine.running.end()
    const ended = { at: clock.now(), why }
    last = { ...statusOf(mine), ended }
    await mine.flushing.catch(report)
    await flush(mine).catch(report)
    const status = { ...statusOf(mine), ended }
    last = status
    const { report: _, ...rest } = status
    await save(rest)
    await attach(status, mine.running.changed)
    return status
  }
  const attach = async (status: ShadowStatus, changed: number): Promise<void> => {
    const { revisions: addresses, candidate, by, counts, report: found, ended } = status
    const { newlyAllowed, newlyDenied } = found
    const isOrderly = ended?.why === STOPPED || ended?.why === OVER
    // Of what changes limits or tests alone, a shadow has nothing to tell.
    const hasTold = counts.judged > 0 || changed === 0
    const evidence: Evidence = {
      kind: 'shadow',
      // What differs is for people to judge; whether it could be told at all is for the evidence.
      result: isOrderly && hasTold ? 'passed' : 'failed',
      at: clock.now(),
      by,
      whole: candidate,
      counts: { seen: counts.seen, judged: counts.judged, differing: counts.differing, newlyAllowed, newlyDenied },
      ...(ended === undefined
        ? {}
        : { detail: hasTold ? ended.why : `${ended.why}, and no decision that it concerns was seen` }),
    }
    for (const address of addresses) await revisions.attachEvidence(address, evidence)
  }

  const begin = async (about: Run['about'], before: ShadowCounts): Promise<Run> => {
    const { files } = await revisions.supposing(about.revisions)
    // Told of differences before there is a run to gather them in, there would be nothing to lose: it begins with the next decision.
    const holder: { mine?: Run } = {}
    const running = await access.shadow(files, {
      onDifference(moment, judged) {
        const { mine } = holder
        if (mine === undefined) return
        if (mine.pending.length < MOST_PENDING) mine.pending.push({ decided: decidedAt(moment), judged })
        else mine.unwritten++
      },
      onFailure(error) {
        const { mine } = holder
        if (mine !== undefined) end(mine, failureText(error)).catch(report)
      },
    })
    const mine: Run = {
      about: { ...about, candidate: running.revision },
      active: access.revision(),
      running,
      comparison: new Comparison({ kindOf: deps.kindOf }),
      pending: [],
      unwritten: 0,
      flushing: Promise.resolve(),
      countsNow: () => sumOf(before, running.counts()),
      timer: setInterval(() => {
        if (clock.now() >= about.until) {
          end(mine, OVER).catch(report)
          return
        }
        mine.flushing = mine.flushing.then(() => flush(mine)).catch(report)
      }, FLUSH).unref(),
    }
    holder.mine = mine
    run = mine
    return mine
  }

  if (kept !== undefined) {
    const { counts, ...about } = kept
    const stopped = (why: string): void => {
      const ended = { at: clock.now(), why }
      last = { ...kept, ended, report: emptyReport(kept.candidate, access.revision()) }
    }
    if (kept.ended !== undefined)
      last = { ...kept, ended: kept.ended, report: emptyReport(kept.candidate, access.revision()) }
    else if (clock.now() >= kept.until) stopped(OVER)
    else await begin(about, counts).catch((error: unknown) => stopped(failureText(error)))
  }

  return {
    status: () => (run === undefined ? last : statusOf(run)),
    start(addresses, { by, ms }) {
      const mine = starting.then(async () => {
        if (run !== undefined) throw new AccessError('shadow_running', 'a candidate runs in shadow already')
        const startedAt = clock.now()
        const until = startedAt + Math.min(ms, LONGEST_SHADOW)
        const about = { revisions: addresses, candidate: '', by: by.at(-1)?.id ?? '', startedAt, until }
        const started = await begin(about, NO_COUNTS)
        await save({ ...started.about, counts: NO_COUNTS })
        return statusOf(started)
      })
      starting = mine.catch(() => undefined)
      return mine
    },
    async stop() {
      if (run === undefined) throw new AccessError('shadow_unknown', 'no candidate runs in shadow')
      return end(run, STOPPED)
    },
    async close() {
      if (run === undefined) return
      clearInterval(run.timer)
      run.running.end()
      await run.flushing.catch(report)
      await flush(run).catch(report)
      run = undefined
    },
  }
}

const STOPPED = 'it was stopped'
const OVER = 'its time was over'
/** Milliseconds between two records of differences. */
const FLUSH = 2000
/** Differences that are looked up and written down in that time. */
const MOST_PENDING = 100
const NO_COUNTS: ShadowCounts = { seen: 0, concerned: 0, judged: 0, skipped: 0, differing: 0 }

interface Run {
  readonly about: Pick<ShadowStatus, 'revisions' | 'candidate' | 'by' | 'startedAt' | 'until'>
  readonly active: string
  readonly running: RunningShadow
  readonly comparison: Comparison
  readonly pending: { readonly decided: Decided; readonly judged: Judged }[]
  unwritten: number
  flushing: Promise<void>
  readonly countsNow: () => ShadowCounts
  readonly timer: NodeJS.Timeout
}

function sumOf(a: ShadowCounts, b: ShadowCounts): ShadowCounts {
  return {
    seen: a.seen + b.seen,
    concerned: a.concerned + b.concerned,
    judged: a.judged + b.judged,
    skipped: a.skipped + b.skipped,
    differing: a.differing + b.differing,
  }
}

/** A decision without its record. */
type Decided = Omit<ComparedDecision, 'index' | 'place' | 'decision'> & { readonly decision: 'allow' | 'deny' }

/** What waits to be written down holds on to no arguments: they can be as large as a request. */
function decidedAt({ ctx, question, decision, at }: Moment): Decided {
  return {
    txn: ctx.txn,
    at,
    chain: ctx.caller.chain,
    action: question.action,
    resource: question.resource,
    decision: decision.decision,
    reasons: decision.reasons,
    withheld: decision.withheld,
  }
}

function emptyReport(candidate: string, active: string): ReplayReport {
  const about = { candidate, active, from: undefined, to: undefined, records: 0, titles: {}, ms: 0 }
  return new Comparison({ kindOf: ({ type }) => type }).report(about)
}

function failureText(error: unknown): string {
  return error instanceof SallyportError ? error.publicMessage : errorText(error)
}

const count = z.int().min(0)
const keptShadow = z.object({
  revisions: z.array(z.string()),
  candidate: z.string(),
  by: z.string(),
  startedAt: z.number(),
  until: z.number(),
  counts: z.object({ seen: count, concerned: count, judged: count, skipped: count, differing: count }),
  ended: z.object({ at: z.number(), why: z.string() }).exactOptional(),
})

const SETTING = 'shadow'

async function loadShadow(q: Parameters<Parameters<TenantStore['read']>[0]>[0]) {
  const row = await q.selectFrom('settings').select('value').where('name', '=', SETTING).executeTakeFirst()
  return row === undefined ? undefined : keptShadow.parse(JSON.parse(row.value))
}

async function keepShadow(store: TenantStore, status: Omit<ShadowStatus, 'report'>): Promise<void> {
  const row = { name: SETTING, value: JSON.stringify(status) }
  await store.write((q) =>
    q
      .insertInto('settings')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute(),
  )
}
