import type { KeyObject } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import {
  AccessError,
  type AccessErrorCode,
  type KeptChange,
  layerKey,
  type PolicyFile,
  type PolicyWhole,
  type ReplayReport,
  type Revisions,
} from '../access/index.ts'
import type { ReplayAsked } from '../http/index.ts'
import type { Directory } from '../identity/index.ts'
import type { Clock, TenantId } from '../kernel/index.ts'
import { readFoundation } from './foundation.ts'
import type { ReplayMessage, ReplayWork } from './replay-worker.ts'

export interface CandidateReplayDeps {
  readonly tenant: TenantId
  readonly clock: Clock
  readonly path: string
  readonly sealing: () => KeyObject
  readonly revisions: Pick<Revisions, 'active' | 'find' | 'supposing' | 'whole' | 'attachEvidence'>
  readonly directory: Pick<Directory, 'principals'>
  /** Every state that decisions were made in. */
  readonly changes: () => Promise<readonly KeptChange[]>
}

/**
 * Decides again what is on record, under a candidate, in a thread of its own: one at a time, and not for longer than its
 * caller waits. Whoever asks was allowed to read what stands in records, and that is on record. Rejects with
 * `replay_running`, `replay_invalid`, `revision_unknown`, `policies_invalid`, `log_unavailable`.
 */
export function createCandidateReplay(deps: CandidateReplayDeps): (asked: ReplayAsked) => Promise<ReplayReport> {
  let isRunning = false
  return async (asked) => {
    const to = asked.to ?? deps.clock.now()
    if (asked.from >= to) throw new AccessError('replay_invalid', 'the span ends before it begins')
    if (isRunning) throw new AccessError('replay_running', 'a replay runs already')
    isRunning = true
    try {
      const { files, addresses } = await candidateOf(asked, deps)
      const work: ReplayWork = {
        tenant: deps.tenant,
        path: deps.path,
        sealing: deps.sealing(),
        from: asked.from,
        to,
        changes: await deps.changes(),
        candidate: { foundation: readFoundation(), files },
        active: deps.revisions.active().whole,
        agentTypes: agentTypesIn(deps.directory),
      }
      const report = await inThread(work, asked, deps)
      if (asked.attaches) await attach(addresses, report, asked, deps)
      return report
    } finally {
      isRunning = false
    }
  }
}

/**
 * All that would decide: what is given, beside what is active in the layers that nothing is given for; as when it is
 * pushed and activated.
 */
async function candidateOf(
  { candidate }: ReplayAsked,
  { revisions }: CandidateReplayDeps,
): Promise<{ readonly files: readonly PolicyFile[]; readonly addresses: readonly string[] }> {
  if ('files' in candidate) {
    const given = new Set(candidate.files.map(layerOf))
    const others = revisions.active().files.filter((file) => !given.has(layerOf(file)))
    return { files: [...others, ...candidate.files], addresses: [] }
  }
  const found = await Promise.all(candidate.revisions.map((prefix) => revisions.find(prefix)))
  const addresses = found.map(({ address }) => address)
  return { files: (await revisions.supposing(addresses)).files, addresses }
}

function layerOf({ layer = { kind: 'tenant' } }: PolicyFile): string {
  return layerKey(layer)
}

function agentTypesIn(directory: Pick<Directory, 'principals'>): ReadonlyMap<string, string> {
  const types = new Map<string, string>()
  for (const { id, agentType } of directory.principals()) if (agentType !== undefined) types.set(id, agentType)
  return types
}

function inThread(
  work: ReplayWork,
  { onProgress, signal }: ReplayAsked,
  { revisions }: CandidateReplayDeps,
): Promise<ReplayReport> {
  const worker = new Worker(new URL('./replay-worker.ts', import.meta.url), {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY },
  })
  const ended = () => new AccessError('replay_invalid', 'the replay was ended')
  return new Promise<ReplayReport>((resolve, reject) => {
    const abort = (): void => reject(ended())
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    worker.once('error', reject)
    worker.once('exit', () => reject(ended()))
    worker.on('message', (message: ReplayMessage) => {
      switch (message.kind) {
        case 'progress':
          return onProgress(message.done, message.total)
        case 'report':
          return resolve(message.report)
        case 'failed':
          return reject(failureOf(message))
        case 'whole':
          revisions
            .whole(message.revision)
            .then((found): PolicyWhole | undefined => found && { foundation: found.foundation, files: found.files })
            .then((found) => worker.postMessage(found), reject)
      }
    })
  }).finally(() => worker.terminate())
}

/** Of the thread, in megabytes. */
const MOST_MEMORY = 2048

function failureOf({ code, message }: Extract<ReplayMessage, { kind: 'failed' }>): AccessError {
  // Of an error that was thrown in the thread: its code is one of the registered ones.
  return new AccessError(code as AccessErrorCode, message)
}

async function attach(
  addresses: readonly string[],
  { candidate, records, decided, newlyAllowed, newlyDenied, unreplayable }: ReplayReport,
  { by }: ReplayAsked,
  { clock, revisions }: CandidateReplayDeps,
): Promise<void> {
  const lost = Object.values(unreplayable).reduce((sum, count) => sum + count, 0)
  for (const address of addresses) {
    await revisions.attachEvidence(address, {
      kind: 'replay',
      // Whether the differences are wanted is for people to say.
      result: decided > 0 ? 'passed' : 'failed',
      at: clock.now(),
      by,
      whole: candidate,
      counts: { records, decided, newlyAllowed, newlyDenied, unreplayable: lost },
      ...(decided > 0 ? {} : { detail: 'there was nothing to replay' }),
    })
  }
}
