import { setImmediate } from 'node:timers/promises'
import {
  type Access,
  createReplayer,
  openWorldJournal,
  type Replayer,
  type Revisions,
  selfReplay,
  type WorldJournal,
} from '../access/index.ts'
import type { Log } from '../audit/index.ts'
import type { ReplayedSpan } from '../http/index.ts'
import type { Clock, TenantId } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'

/** What was decided, and what it was decided on, so that it can be decided again. */
export interface History {
  readonly journal: WorldJournal
  /** Knows every state up to now. */
  replayer(): Promise<Replayer>
  /** Decides again what stands in these records of the log, which has to be allowed and recorded before. */
  replaySelf(span: { readonly first: number; readonly limit: number }): Promise<ReplayedSpan>
  close(): Promise<void>
}

export interface HistoryDeps {
  readonly tenant: TenantId
  readonly store: TenantStore
  readonly clock: Clock
  readonly access: Access
  readonly revisions: Pick<Revisions, 'whole'>
  readonly log: Pick<Log, 'scan'>
  readonly report: (error: unknown) => void
}

/** From here on, decisions name the state that they were made in. */
export async function keepHistory({ tenant, revisions, log, ...deps }: HistoryDeps): Promise<History> {
  const journal = await openWorldJournal(deps)
  let last: { readonly version: number; readonly replayer: Promise<Replayer> } | undefined
  const replayer = (): Promise<Replayer> => {
    const version = journal.version
    if (last?.version === version) return last.replayer
    const made = journal
      .timeline()
      .then((timeline) => createReplayer({ tenant, timeline, whole: (revision) => revisions.whole(revision) }))
    last = { version, replayer: made }
    // What could not be read is read again the next time.
    made.catch(() => {
      last = undefined
    })
    return made
  }
  return {
    journal,
    replayer,
    async replaySelf({ first, limit }) {
      const scan = log.scan({ kinds: ['decision'], first, below: first + limit })
      try {
        // What is read was decided before, so that its states are known to whoever asks now.
        const found = await replayer()
        const records = []
        for (let some = scan.next(); some !== undefined; some = scan.next()) {
          for (const record of some) records.push(record)
          await setImmediate()
        }
        const next = first + scan.done
        const replayed = await selfReplay(records, found, pausing())
        return scan.total === 0 ? { ...replayed, next: undefined } : { ...replayed, next }
      } finally {
        scan.close()
      }
    },
    close: () => journal.close(),
  }
}

/** Lets others have their turn every few milliseconds. */
function pausing(): () => Promise<void> | undefined {
  let since = performance.now()
  return () => {
    if (performance.now() - since < TURN) return undefined
    return setImmediate().then(() => {
      since = performance.now()
    })
  }
}

/** Milliseconds. */
const TURN = 4
