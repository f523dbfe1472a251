import type { PrincipalRef } from '../../kernel/index.ts'
import type { EntityRef } from '../question.ts'
import { differencesTo } from './agreement.ts'
import { type RecordedDecision, type RecordToRead, recordedDecisions, type Unreplayable } from './recorded-decision.ts'
import type { Replayer } from './replayer.ts'

/** How far the decisions on record come out the same when they are made again. */
export interface SelfReplay {
  /** Records of decisions, and the decisions in them. */
  readonly records: number
  readonly decisions: number
  readonly agreed: number
  readonly disagreed: number
  /** How many cannot be made again, by why; of a record that was forgotten nobody knows how many it had. */
  readonly unreplayable: Readonly<Partial<Record<Unreplayable, number>>>
  /** The first ones. */
  readonly disagreements: readonly Disagreement[]
}

export interface Disagreement {
  readonly index: number
  readonly place: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly chain: readonly PrincipalRef[]
  readonly action: string
  readonly resource: EntityRef
  readonly revision: string
  readonly state: number | undefined
  readonly differences: readonly string[]
}

/** Disagreements that are named; all are counted. */
export const MOST_NAMED = 100

/** Makes the decisions of these records again, each under the policies that it was made under. */
export async function selfReplay(
  records: readonly RecordToRead[],
  replayer: Replayer,
  pause: () => Promise<void> | undefined = () => undefined,
): Promise<SelfReplay> {
  const unreplayable: Partial<Record<Unreplayable, number>> = {}
  const cannot = (why: Unreplayable): void => {
    unreplayable[why] = (unreplayable[why] ?? 0) + 1
  }
  const disagreements: Disagreement[] = []
  let [read, decisions, agreed, disagreed] = [0, 0, 0, 0]
  for (const record of records) {
    if (record.kind !== 'decision') continue
    read++
    const found = recordedDecisions(record)
    if ('why' in found) {
      cannot(found.why)
      continue
    }
    decisions += found.length
    await replayer.prepare(found)
    for (const recorded of found) {
      const again = replayer.replay(recorded)
      if (again.kind === 'cannot') {
        cannot(again.why)
        continue
      }
      const differences = differencesTo(recorded, again.decision)
      if (differences.length === 0) agreed++
      else {
        disagreed++
        if (disagreements.length < MOST_NAMED) disagreements.push(disagreement(recorded, differences))
      }
    }
    const turn = pause()
    if (turn !== undefined) await turn
  }
  return { records: read, decisions, agreed, disagreed, unreplayable, disagreements }
}

function disagreement(
  { index, place, at, chain, action, resource, revision, state }: RecordedDecision,
  differences: readonly string[],
): Disagreement {
  return { index, place, at, chain, action, resource, revision, state, differences }
}
