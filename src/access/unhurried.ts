import { setImmediate } from 'node:timers/promises'
import type { Steps } from '../cedar/index.ts'

/** Milliseconds of work before others get their turn. */
const TURN = 8

/** Does work that can rest between its steps, letting everything else in the process have its turn meanwhile. */
export async function unhurried<T>(steps: Steps<T>): Promise<T> {
  let since = performance.now()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (performance.now() - since < TURN) continue
    await setImmediate()
    since = performance.now()
  }
}
