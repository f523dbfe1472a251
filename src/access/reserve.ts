import type { Context } from '../kernel/index.ts'
import type { Amounts } from './amounts.ts'
import type { Decision, Question } from './question.ts'
import { mayGoOn } from './withheld.ts'

/** Something that allowed actions use up: what a limit leaves, or an approval. */
export interface Taker {
  /**
   * Takes what this action needs, before it begins. `undefined` where it needs nothing of this; a `Decision` where it
   * cannot be had, which is then the decision. Whatever it rejects with refuses the action.
   */
  take(ctx: Context, question: Question, decision: Decision): Promise<Taken | Decision> | undefined
}

/** Exactly one of the two is called, once. */
export interface Taken {
  /** The denial that the decision became, where what it needs is used up and that is only observed. */
  readonly became?: Decision
  /** The action was done, or may have been. `used` is absent where nobody knows how much it took: then all of it did. */
  settle(used?: Amounts): void
  /** The action never began: everything goes back. */
  release(): void
}

/** What several questions need together: all of it, or nothing. Calls after the first do nothing. */
export interface Reserved extends Taken {
  /** In the order of the questions, or absent where everything could be had: then the decisions stand as they are. */
  readonly refused?: readonly Decision[]
  /** The same where everything could be had, and some of it only because denials are observed there. */
  readonly decisions?: readonly Decision[]
}

/**
 * Takes what decisions that go on need. Where one of them cannot have it, all that was taken before goes back. Where
 * nothing is needed it answers at once, and without a promise.
 */
export function reserve(
  ctx: Context,
  questions: readonly Question[],
  decisions: readonly Decision[],
  takers: readonly Taker[],
): Reserved | Promise<Reserved> {
  for (const [index, question] of questions.entries()) {
    const decision = decisions[index]
    if (decision === undefined || !mayGoOn(decision)) continue
    for (const [at, taker] of takers.entries()) {
      const taking = taker.take(ctx, question, decision)
      if (taking !== undefined) return takeAll(ctx, { questions, decisions, takers }, { index, at, taking })
    }
  }
  return NOTHING
}

const NOTHING: Reserved = { settle: () => undefined, release: () => undefined }

interface Wanted {
  readonly questions: readonly Question[]
  readonly decisions: readonly Decision[]
  readonly takers: readonly Taker[]
}

/** Goes on from the first that takes some time. */
async function takeAll(
  ctx: Context,
  { questions, decisions, takers }: Wanted,
  first: { readonly index: number; readonly at: number; readonly taking: Promise<Taken | Decision> },
): Promise<Reserved> {
  const taken: Taken[] = []
  const became = new Map<number, Decision>()
  const release = (): void => {
    for (const one of taken) one.release()
  }
  try {
    for (let index = first.index; index < questions.length; index++) {
      const [question, decision] = [questions[index], decisions[index]]
      if (question === undefined || decision === undefined || !mayGoOn(decision)) continue
      for (let at = index === first.index ? first.at : 0; at < takers.length; at++) {
        const isFirst = index === first.index && at === first.at
        const answer = await (isFirst ? first.taking : takers[at]?.take(ctx, question, decision))
        if (answer === undefined) continue
        if ('decision' in answer) {
          release()
          return { ...NOTHING, refused: decisions.map((one, position) => (position === index ? answer : one)) }
        }
        taken.push(answer)
        if (answer.became !== undefined) became.set(index, withApproval(answer.became, decision))
      }
    }
  } catch (error) {
    release()
    throw error
  }
  if (became.size === 0) return once(taken)
  return { ...once(taken), decisions: decisions.map((one, index) => became.get(index) ?? one) }
}

/** What an approval is used up for rests on it, whatever else was looked at. */
function withApproval(became: Decision, { approval }: Decision): Decision {
  return approval === undefined || became.withheld !== 'limit' ? became : { ...became, approval }
}

function once(taken: readonly Taken[]): Reserved {
  let isOpen = true
  const close = (end: (one: Taken) => void): void => {
    if (isOpen) taken.forEach(end)
    isOpen = false
  }
  return { settle: (used) => close((one) => one.settle(used)), release: () => close((one) => one.release()) }
}
