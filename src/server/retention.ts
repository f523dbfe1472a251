import type { WorldJournal } from '../access/index.ts'
import { type Forgotten, type Log, storedRetention } from '../audit/index.ts'
import { traceOf } from '../http/index.ts'
import { type Clock, newTxn, type TenantId } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'

export interface RetentionDeps {
  readonly tenant: TenantId
  readonly log: Log
  /** What decisions were made on goes with the decisions. */
  readonly journal: Pick<WorldJournal, 'fold'>
  readonly store: TenantStore
  readonly clock: Clock
  readonly report: (error: unknown) => void
}

/** Applies the tenant's retention rules now, and every hour until it is closed. */
export function keepRetention(deps: RetentionDeps): { close(): Promise<void> } {
  let running: Promise<unknown> = Promise.resolve()
  const run = (): void => {
    running = running.then(() => applyRetention(deps)).catch(deps.report)
  }
  const timer = setInterval(run, HOUR).unref()
  run()
  return {
    async close() {
      clearInterval(timer)
      await running
    },
  }
}

/** Destroys what the rules say is over. Where there was anything, the log says how much, by which rules. */
export async function applyRetention({ tenant, log, journal, store, clock }: RetentionDeps): Promise<Forgotten> {
  const rules = await storedRetention(store)
  const forgotten = await log.applyRetention(rules)
  const { decision } = rules
  // Bodies are forgotten by days; one more, so that no state goes before the last decision that was made in it.
  if (decision !== undefined && decision.hold !== true) await journal.fold(clock.now() - (decision.days + 1) * DAY)
  if (forgotten.keys > 0) {
    const at = clock.now()
    const body = { operation: 'retention', rules, records: forgotten.records }
    await log.append({ kind: 'change', tenant, txn: newTxn(at), trace: traceOf({}), at, body })
  }
  return forgotten
}

const HOUR = 3_600_000
const DAY = 86_400_000
