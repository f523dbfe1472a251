import type { Decision } from '../access/index.ts'

/** Seconds after which the same request would do, where waiting is all that it lacks. */
export function retryAfterOf({ withheld, advice = [] }: Decision): number | undefined {
  if (withheld !== 'limit') return undefined
  const [first, ...more] = advice
  return first?.kind === 'wait' && more.length === 0 ? first.seconds : undefined
}

/** RFC 9110 §10.2.3 */
export function retryAfterHeader(seconds: number | undefined): Readonly<Record<string, string>> {
  return seconds === undefined ? {} : { 'retry-after': String(seconds) }
}
