import { CedarError } from '../../cedar/index.ts'
import { AccessError } from '../errors.ts'
import { type Foundation, foundationFiles } from '../foundation.ts'
import type { PolicyFile } from '../layers.ts'
import { policySetNow } from '../policies-in-force.ts'
import type { PolicySet } from '../policy-set.ts'
import { missedPeople } from './missed-people.ts'
import { PastWorld } from './past-world.ts'
import type { RecordedDecision } from './recorded-decision.ts'
import { type Replayed, replayDecision } from './replay-decision.ts'
import { ReplayMemo } from './replay-memo.ts'
import type { WorldTimeline } from './world-timeline.ts'

/** Policies that decide together. */
export interface PolicyWhole {
  readonly foundation: Foundation
  readonly files: readonly PolicyFile[]
}

/** Decides again what is on record, each decision in the state that it was made in. */
export interface Replayer {
  /** Compiles policies to decide under; nobody has any roles in them yet. Throws `policies_invalid`. */
  compile(whole: PolicyWhole): PolicySet
  /** What decided under this address, once it was prepared; nobody has any roles in it. */
  setOf(revision: string): PolicySet | undefined
  /** Finds the policies that these decisions were made under, so that `replay` has them at hand. */
  prepare(decisions: readonly RecordedDecision[]): Promise<void>
  /**
   * Under the policies that it was made under, or others. Fastest in the order in which decisions were made. It never
   * throws: what cannot be decided again says why.
   */
  replay(recorded: RecordedDecision, candidate?: PolicySet): Replayed
}

export interface ReplayerDeps {
  readonly tenant: string
  readonly timeline: WorldTimeline
  /** What decided under this address; undefined where nobody knows any more. */
  whole(revision: string): Promise<PolicyWhole | undefined>
  /** Whether it remembers what came of decisions in which all that counts was the same; it does unless this says no. */
  readonly remembers?: boolean
}

export function createReplayer({ tenant, timeline, whole, remembers = true }: ReplayerDeps): Replayer {
  const world = new PastWorld(timeline, tenant)
  const sets = new Map<string, PolicySet | undefined>()
  const memos = new Map<PolicySet, ReplayMemo>()
  const missed = missedPeople(timeline)
  const compile = ({ foundation, files }: PolicyWhole): PolicySet =>
    policySetNow({
      schema: foundation.schema,
      files: [...foundationFiles(foundation), ...files],
      roles: { grants: [], declared: new Set() },
      tenant,
    })
  return {
    compile,
    setOf: (revision) => sets.get(revision),
    async prepare(decisions) {
      for (const { revision } of decisions) {
        if (sets.has(revision)) continue
        const found = await whole(revision)
        const set = found === undefined ? undefined : compile(found)
        // INVARIANT: nothing else is taken for what decided then.
        sets.set(revision, set?.revision === revision ? set : undefined)
      }
    },
    replay(recorded, candidate) {
      const { state, revision } = recorded
      if (recorded.unreplayable !== undefined) return { kind: 'cannot', why: recorded.unreplayable }
      if (state === undefined) return { kind: 'cannot', why: 'state_unrecorded' }
      if (!timeline.knows(state)) return { kind: 'cannot', why: 'state_unknown' }
      const base = sets.get(revision)
      const chosen = candidate ?? base
      if (chosen === undefined) return { kind: 'cannot', why: 'revision_unknown' }
      try {
        const set = world.setAt(state, chosen)
        const was = base === chosen ? set : base
        const then = world.at(state, set.schema.text)
        if (missed(recorded, then.entities)) return { kind: 'cannot', why: 'state_erased' }
        const memo = memos.get(chosen) ?? new ReplayMemo()
        memos.set(chosen, memo)
        return replayDecision(recorded, { set, was, world: then, tenant }, remembers ? memo : undefined)
      } catch (error) {
        // What there was then does not fit what these policies speak of.
        if (error instanceof CedarError || error instanceof AccessError) return { kind: 'cannot', why: 'state_unfit' }
        throw error
      }
    },
  }
}
