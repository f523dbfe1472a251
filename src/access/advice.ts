import type { Authentication, Context } from '../kernel/index.ts'

/** What would help on a denial. Several are all needed. */
export type Advice =
  /** Prove who you are again (RFC 9470): `acr` says how strongly, `maxAge` in seconds how freshly. */
  | { readonly kind: 'step_up'; readonly acr: 'aal1' | 'aal2' | 'aal3'; readonly maxAge: number }
  /** Only a grant is missing, and one could be given. */
  | { readonly kind: 'request_access' }
  /** A person has to agree to exactly this. `id` is the request that waits for it, where there is one. */
  | { readonly kind: 'approval'; readonly id?: string }
  | { readonly kind: 'wait'; readonly seconds: number }

/** What stands in the way: something refuses, or only a grant is missing, or nothing. */
export type Hindrance = 'refusal' | 'no_grant' | undefined

/**
 * Found by deciding again with the authentication changed, and with an approval supposed to be there: what helps is what
 * turns out to help, and of several ways the one with the least trouble for people. `mayAsk`: whether there are policies
 * that ask for an approval.
 */
export function adviceFor(
  ctx: Context,
  hindrance: Hindrance,
  mayAsk: boolean,
  decideAgain: (changed: Context, isApproved: boolean) => Hindrance,
): readonly Advice[] {
  if (hindrance === undefined) return []
  if (hindrance === 'no_grant') return [REQUEST]
  // Only people can prove again who they are.
  const isPerson = ctx.caller.chain[0].kind === 'User'
  const ways: readonly Way[] = [
    ...(isPerson ? [{ stepUp: true, approval: false }] : []),
    ...(mayAsk ? [{ stepUp: false, approval: true }] : []),
    ...(isPerson && mayAsk ? [{ stepUp: true, approval: true }] : []),
  ]
  const best = ways
    .map((way) => ({ way, left: decideAgain(way.stepUp ? authenticatedAgain(ctx, 'aal3', 0) : ctx, way.approval) }))
    .reduce<Attempt | undefined>(
      (a, b) => (a === undefined || RANK[b.left ?? 'none'] < RANK[a.left ?? 'none'] ? b : a),
      undefined,
    )
  if (best === undefined || best.left === 'refusal') return []
  const { way, left } = best
  return [
    ...(way.stepUp ? [stepUpFor(ctx, left, (changed) => decideAgain(changed, way.approval))] : []),
    ...(way.approval ? [APPROVAL] : []),
    ...(left === 'no_grant' ? [REQUEST] : []),
  ]
}

interface Way {
  readonly stepUp: boolean
  readonly approval: boolean
}

interface Attempt {
  readonly way: Way
  readonly left: Hindrance
}

const RANK = { none: 0, no_grant: 1, refusal: 2 } as const

const REQUEST: Advice = { kind: 'request_access' }
const APPROVAL: Advice = { kind: 'approval' }

/** The weakest and oldest authentication that does as much. */
function stepUpFor(ctx: Context, best: Hindrance, decideAgain: (changed: Context) => Hindrance): Advice {
  const after = (strength: Strength, age: number): Hindrance => decideAgain(authenticatedAgain(ctx, strength, age))
  const acr = (['aal1', 'aal2'] as const).find((strength) => after(strength, 0) === best) ?? 'aal3'
  const maxAge = AGES.find((age) => after(acr, age) === best) ?? 0
  return { kind: 'step_up', acr, maxAge }
}

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
