import { isIP } from 'node:net'
import type { Authentication, Context, Json } from '../kernel/index.ts'
import { countryOf } from './country.ts'
import type { Question } from './question.ts'

/** Every scope that a credential can be narrowed to; each is an action group of the schema. */
export const SCOPES = ['admin', 'data', 'models', 'operations', 'tools', 'training'] as const

type Facts = { readonly [name: string]: Json }
type Mutable = { [name: string]: Json }

/**
 * The facts of every action, for one request. The same for each principal of the chain. What cannot be had is absent:
 * docs/reference/facts.md says for each where it comes from and how fresh it is.
 */
export function factsOf(ctx: Context, question: Question, timeOf: ((now: number) => Facts) | undefined): Facts {
  const { caller, clock, address } = ctx
  const now = clock.now()
  const facts: Mutable = {
    authentication: authenticationFact(caller.authentication, now),
    scope: caller.scope === undefined ? SCOPES : [...caller.scope],
    chainLength: caller.chain.length,
    now: { __extn: { fn: 'datetime', arg: instant(now) } },
  }
  if (timeOf !== undefined) facts.time = timeOf(now)
  const network = address === undefined ? undefined : networkOf(address)
  if (network !== undefined) facts.network = network
  // INVARIANT: the purpose comes from the mandate, never from what somebody says about the request.
  if (caller.mandate?.purpose !== undefined) facts.purpose = caller.mandate.purpose
  for (const name in question.facts) {
    const value = question.facts[name]
    if (value !== undefined && !OURS.has(name)) facts[name] = value
  }
  return facts
}

/** What nobody may state in a question. */
export const OURS: ReadonlySet<string> = new Set([
  'authentication',
  'scope',
  'chainLength',
  'now',
  'time',
  'network',
  'purpose',
  'usage',
  'arguments',
  'origin',
])

/** How long ago, and how strongly, the caller proved who it is. */
export function authenticationFact({ method, at, factors, assurance, mfaAt }: Authentication, now: number): Facts {
  const facts: Mutable = { method, age: secondsSince(at, now) }
  if (factors !== undefined) facts.factors = factors
  if (assurance !== undefined) facts.assurance = assurance
  if (mfaAt !== undefined) facts.mfaAge = secondsSince(mfaAt, now)
  return facts
}

function secondsSince(at: number, now: number): number {
  return Math.max(0, Math.floor((now - at) / 1000))
}

function networkOf(address: string): Facts | undefined {
  // An IPv4 address on a socket of both families.
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : address
  // Of a link-local address, the interface is the host's own matter, and no part of it.
  const [plain = ''] = mapped.split('%')
  if (isIP(plain) === 0) return undefined
  const country = countryOf(plain)
  const own = { __extn: { fn: 'ip', arg: plain } }
  return country === undefined ? { address: own } : { address: own, country }
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
