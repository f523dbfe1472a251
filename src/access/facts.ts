import type { Context, Json } from '../kernel/index.ts'
import type { Question } from './question.ts'

/** Every scope that a credential can be narrowed to; each is an action group of the schema. */
export const SCOPES = ['admin', 'models', 'tools'] as const

/** The facts of every action, for one request. The same for each principal of the chain. */
export function factsOf(ctx: Context, question: Question): { readonly [name: string]: Json } {
  const { caller, clock } = ctx
  const now = clock.now()
  return {
    authentication: {
      method: caller.authentication.method,
      age: Math.max(0, Math.floor((now - caller.authentication.at) / 1000)),
    },
    scope: caller.scope === undefined ? SCOPES : [...caller.scope],
    chainLength: caller.chain.length,
    now: { __extn: { fn: 'datetime', arg: instant(now) } },
    ...question.facts,
  }
}

// Policies speak of moments in milliseconds at most, and many requests share one.
let lastAt = -1
let lastText = ''
function instant(ms: number): string {
  if (ms !== lastAt) {
    lastAt = ms
    lastText = new Date(ms).toISOString()
  }
  return lastText
}
