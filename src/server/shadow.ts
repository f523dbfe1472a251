import { setImmediate } from 'node:timers/promises'
import {
  type Access,
  type FoundRecord,
  openShadows,
  type Revisions,
  type ShadowLog,
  type Shadows,
  type WantedRecord,
} from '../access/index.ts'
import { isKind, type Log } from '../audit/index.ts'
import type { Directory } from '../identity/index.ts'
import { type Clock, newTxn, parseTxn, type TenantId } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'
import { kindText } from './kind-text.ts'

/** Lets candidates be tried on live requests, with the log to say which records differ, and to keep that. */
export function keepShadow(deps: {
  readonly tenant: TenantId
  readonly store: TenantStore
  readonly clock: Clock
  readonly access: Access
  readonly revisions: Revisions
  readonly directory: Directory
  readonly log: Pick<Log, 'byTxn' | 'append'>
  readonly report: (error: unknown) => void
}): Promise<Shadows> {
  const { directory, log, ...rest } = deps
  return openShadows({
    ...rest,
    log: shadowLog(deps),
    kindOf: ({ type, id }) => kindText(type, directory.principal(id)),
  })
}

function shadowLog({ tenant, clock, log }: Parameters<typeof keepShadow>[0]): ShadowLog {
  return {
    async find(wanted) {
      const found = new Map<WantedRecord, FoundRecord>()
      for (const [txn, asked] of Map.groupBy(wanted, (one) => one.txn)) {
        for (const [one, record] of await recordsFor(txn, asked, log)) found.set(one, record)
        // Reading takes a while, and decisions go first.
        await setImmediate()
      }
      return wanted.map((one) => found.get(one))
    },
    async record({ candidate, differences, more }) {
      const now = clock.now()
      await log.append({
        kind: 'change',
        tenant,
        txn: newTxn(now),
        trace: '0'.repeat(32),
        at: now,
        body: { operation: 'policy:shadow', candidate, differences, more },
      })
    },
  }
}

/** Of decisions that were asked for in one request, each gets the record of its time, and none gets that of another. */
async function recordsFor(
  txn: string,
  wanted: readonly WantedRecord[],
  log: Pick<Log, 'byTxn'>,
): Promise<ReadonlyMap<WantedRecord, FoundRecord>> {
  const found = new Map<WantedRecord, FoundRecord>()
  const parsed = parseTxn(txn)
  if (parsed === undefined) return found
  const since = Math.min(...wanted.map(({ at }) => at)) - LONGEST_BATCH
  const asked = (await log.byTxn(parsed, since)).flatMap((record) =>
    isKind(record, 'decision') ? questionsOf(record.index, record.at, record.body) : [],
  )
  const byName = Map.groupBy(asked, ({ name }) => name)
  for (const one of wanted) {
    const left = byName.get(nameOf(one.action, one.resource)) ?? []
    let nearest = 0
    for (const [position, { at }] of left.entries()) {
      if (Math.abs(at - one.at) < Math.abs((left[nearest]?.at ?? 0) - one.at)) nearest = position
    }
    const [taken] = left.splice(nearest, 1)
    if (taken !== undefined) found.set(one, { index: taken.index, place: taken.place })
  }
  return found
}

/** Milliseconds: a record of many questions is of the time at which the first of them was asked. */
const LONGEST_BATCH = 10_000

type Body = { readonly [name: string]: unknown }

interface RecordedQuestion extends FoundRecord {
  readonly name: string
  readonly at: number
}

/** The questions of a record; as `recordedDecisions` counts them. */
function questionsOf(index: number, at: number, body: Body): readonly RecordedQuestion[] {
  const questions: readonly Body[] = Array.isArray(body.questions) ? body.questions : []
  const isOwn = questions.length === 0 || body.answered === true
  return [...(isOwn ? [body] : []), ...questions].map(({ action, resource }, place) => ({
    index,
    place,
    at,
    name: nameOf(action, resource),
  }))
}

function nameOf(action: unknown, resource: unknown): string {
  const isResource = typeof resource === 'object' && resource !== null && 'type' in resource && 'id' in resource
  return JSON.stringify([action, ...(isResource ? [resource.type, resource.id] : [])])
}
