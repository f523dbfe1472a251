import { setImmediate } from 'node:timers/promises'
import type { Context } from '../../kernel/index.ts'
import type { Known } from '../decide-chain.ts'
import { candidatesIn } from '../lists/lock-out.ts'
import type { Question } from '../question.ts'
import { whenAllowed } from '../when-allowed.ts'
import { aloneAs } from '../who-can.ts'

/** Decisions that are made before others get their turn. */
const AT_A_TIME = 200

/**
 * Whether somebody can do one of these things now, at once or after proving who they are again or getting an approval,
 * and nobody could do any of them with what is to be in force. Whoever asks is looked at first. Lets others have their turn.
 */
export async function leavesNobody(
  asker: Context,
  questions: readonly Question[],
  now: Known,
  then: Known,
): Promise<boolean> {
  const can = (ctx: Context, known: Known): boolean =>
    questions.some((question) => {
      const when = whenAllowed(ctx, question, known)?.when
      return when === 'now' || when === 'after'
    })
  if (can(asker, then)) return false
  let somebodyCan = can(asker, now)
  let asked = 0
  for (const candidate of candidatesIn(now)) {
    if (++asked % AT_A_TIME === 0) await setImmediate()
    const ctx = aloneAs(asker, candidate)
    if (can(ctx, then)) return false
    somebodyCan ||= can(ctx, now)
  }
  return somebodyCan
}
