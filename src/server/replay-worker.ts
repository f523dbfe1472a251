// A thread that decides again what is on record, under a candidate, for candidate-replay.ts: decisions go on meanwhile.
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import {
  Comparison,
  changesUnder,
  createReplayer,
  type KeptChange,
  type PolicyWhole,
  type ReplayReport,
  recordedDecisions,
  titlesIn,
  WorldTimeline,
} from '../access/index.ts'
import { scanLog } from '../audit/index.ts'
import { SallyportError } from '../kernel/index.ts'
import { kindText } from './kind-text.ts'

/** What the thread is started with; made by candidate-replay.ts only. */
export interface ReplayWork {
  readonly tenant: string
  readonly path: string
  readonly sealing: KeyObject
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly to: number
  readonly changes: readonly KeptChange[]
  readonly candidate: PolicyWhole
  /** Address of what is in force. */
  readonly active: string
  readonly agentTypes: ReadonlyMap<string, string>
}

/** What it says. It asks for the policies of a revision, and goes on when it has the answer. */
export type ReplayMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'whole'; readonly revision: string }
  | { readonly kind: 'report'; readonly report: ReplayReport }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

const work = workerData as ReplayWork // set by candidate-replay.ts
const say = (message: ReplayMessage): void => parentPort?.postMessage(message)
/** Revisions whose policies have been asked for. */
const prepared = new Set<string>()

try {
  say({ kind: 'report', report: await replay() })
} catch (error) {
  if (!(error instanceof SallyportError)) throw error
  say({ kind: 'failed', code: String(error.code), message: error.publicMessage })
}
// Otherwise the thread would wait for more.
parentPort?.close()

async function replay(): Promise<ReplayReport> {
  const started = performance.now()
  const { tenant, agentTypes, from, to } = work
  const replayer = createReplayer({ tenant, timeline: new WorldTimeline(work.changes), whole })
  const candidate = replayer.compile(work.candidate)
  const comparison = new Comparison({
    kindOf: ({ type, id }) => kindText(type, { agentType: type === 'Agent' ? agentTypes.get(id) : undefined }),
  })
  const changes = changesUnder(candidate, (revision) => replayer.setOf(revision))
  const scan = scanLog({ path: work.path, sealing: work.sealing, kinds: ['decision'], from, to })
  let [records, first, last] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  try {
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      for (const record of batch) {
        records++
        first = Math.min(first, record.at)
        last = Math.max(last, record.at)
        const found = recordedDecisions(record)
        if ('why' in found) {
          comparison.cannot(found.why)
          continue
        }
        // Compiling those of then takes a while, and is needed once.
        if (!known(found)) await replayer.prepare(found)
        for (const recorded of found) {
          if (recorded.unreplayable === undefined && !changes.concern(recorded)) {
            comparison.stays()
            continue
          }
          const again = replayer.replay(recorded, candidate)
          if (again.kind === 'cannot') comparison.cannot(again.why)
          else comparison.add(recorded, again.decision)
        }
      }
      say({ kind: 'progress', done: scan.done, total: scan.total })
    }
  } finally {
    scan.close()
  }
  return comparison.report({
    candidate: candidate.revision,
    active: work.active,
    from: records === 0 ? undefined : first,
    to: records === 0 ? undefined : last,
    records,
    titles: titlesIn([candidate]),
    ms: performance.now() - started,
  })
}

function known(decisions: readonly { readonly revision: string }[]): boolean {
  const isKnown = decisions.every(({ revision }) => prepared.has(revision))
  for (const { revision } of decisions) prepared.add(revision)
  return isKnown
}

async function whole(revision: string): Promise<PolicyWhole | undefined> {
  if (parentPort === null) return undefined
  const answer = once(parentPort, 'message')
  say({ kind: 'whole', revision })
  const [found] = (await answer) as [PolicyWhole | undefined] // what candidate-replay.ts answers
  return found
}
