import type { Authentication, Context } from '../kernel/index.ts'

/** What would help on a denial. Several are all needed. */
export type Advice =
  /** Prove who you are again (RFC 9470): `acr` says how strongly, `maxAge` in seconds how freshly. */
  | { readonly kind: 'step_up'; readonly acr: 'aal1' | 'aal2' | 'aal3'; readonly maxAge: number }
  /** Only a grant is missing, and one could be given. */
  | { readonly kind: 'request_access' }
  /** A person has to agree to exactly this. */
  | { readonly kind: 'approval' }
  | { readonly kind: 'wait'; readonly seconds: number }

/** What stands in the way: something refuses, or only a grant is missing, or nothing. */
export type Hindrance = 'refusal' | 'no_grant' | undefined

/** Found by deciding again with the authentication changed: what helps is what turns out to help. */
export function adviceFor(
  ctx: Context,
  hindrance: Hindrance,
  decideAgain: (changed: Context) => Hindrance,
): readonly Advice[] {
  if (hindrance === undefined) return []
  if (hindrance === 'no_grant') return [REQUEST]
  // Only people can prove again who they are.
  if (ctx.caller.chain[0].kind !== 'User') return []
  const after = (strength: Strength, age: number): Hindrance => decideAgain(authenticatedAgain(ctx, strength, age))
  const best = after('aal3', 0)
  if (best === 'refusal') return []
  const acr = (['aal1', 'aal2'] as const).find((strength) => after(strength, 0) === best) ?? 'aal3'
  const maxAge = AGES.find((age) => after(acr, age) === best) ?? 0
  const stepUp: Advice = { kind: 'step_up', acr, maxAge }
  return best === 'no_grant' ? [stepUp, REQUEST] : [stepUp]
}

const REQUEST: Advice = { kind: 'request_access' }

type Strength = 'aal1' | 'aal2' | 'aal3'

/** Seconds that are tried, from the least trouble to the most. */
const AGES = [86_400, 43_200, 28_800, 14_400, 3_600, 1_800, 900, 600, 300, 120, 60, 30]

const ASSURANCE = { aal1: 1, aal2: 2, aal3: 3 } as const

function authenticatedAgain(ctx: Context, strength: Strength, age: number): Context {
  const at = ctx.clock.now() - age * 1000
  const { method, factors } = ctx.caller.authentication
  const authentication: Authentication = {
    method,
    at,
    ...(factors === undefined ? {} : { factors }),
    assurance: ASSURANCE[strength],
    ...(strength === 'aal1' ? {} : { mfaAt: at }),
  }
  return { ...ctx, caller: { ...ctx.caller, authentication } }
}
