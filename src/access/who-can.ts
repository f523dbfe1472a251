import { setImmediate } from 'node:timers/promises'
import type { SchemaAction } from '../cedar/index.ts'
import type { Caller, Context, PrincipalId, PrincipalKind } from '../kernel/index.ts'
import type { Advice } from './advice.ts'
import type { Known } from './decide-chain.ts'
import type { EntityRef, Question, Reason } from './question.ts'
import { whenAllowed } from './when-allowed.ts'

/** Something that somebody may do. */
export interface Possibility {
  readonly principal: EntityRef
  readonly action: string
  readonly resource: EntityRef
  /** The grants behind it. */
  readonly reasons: readonly Reason[]
  /** `now`, `after` following the advice, or `perhaps`: it depends on arguments. */
  readonly when: 'now' | 'after' | 'perhaps'
  readonly advice?: readonly Advice[]
}

export interface Possibilities {
  readonly found: readonly Possibility[]
  /** Whether there are more than were asked for. */
  readonly hasMore: boolean
}

/** Who may do an action on a resource, each acting alone. At most `limit`. */
export function whoCan(
  asker: Context,
  asked: { readonly action: string; readonly resource: EntityRef; readonly limit: number },
  known: Known,
): Promise<Possibilities> {
  const all = known.entities.with(undefined)
  function* candidates(): Iterable<Candidate> {
    for (const type of KINDS) for (const { id } of all.uidsOf(type)) yield { ...asked, principal: { kind: type, id } }
  }
  return collect(asker, candidates(), asked.limit, known)
}

/** What a principal may do, acting alone: each action on each resource that there is. At most `limit`. */
export function whatCan(
  asker: Context,
  asked: { readonly principal: { readonly kind: PrincipalKind; readonly id: string }; readonly limit: number },
  known: Known,
  actions: readonly SchemaAction[],
): Promise<Possibilities> {
  const all = known.entities.with(undefined)
  function* candidates(): Iterable<Candidate> {
    for (const { id: action, principals, resources } of actions) {
      if (!principals.includes(asked.principal.kind)) continue
      for (const type of resources) {
        for (const resource of all.uidsOf(type)) yield { principal: asked.principal, action, resource }
      }
    }
  }
  return collect(asker, candidates(), asked.limit, known)
}

const KINDS: readonly PrincipalKind[] = ['User', 'Service', 'Agent', 'Device']

interface Candidate {
  readonly principal: { readonly kind: PrincipalKind; readonly id: string }
  readonly action: string
  readonly resource: EntityRef
}

/** Decisions that are made before others get their turn. */
const AT_A_TIME = 200

async function collect(
  asker: Context,
  candidates: Iterable<Candidate>,
  limit: number,
  known: Known,
): Promise<Possibilities> {
  const found: Possibility[] = []
  let asked = 0
  for (const candidate of candidates) {
    if (++asked % AT_A_TIME === 0) await setImmediate()
    const possibility = possibilityOf(asker, candidate, known)
    if (possibility === undefined) continue
    if (found.length === limit) return { found, hasMore: true }
    found.push(possibility)
  }
  return { found, hasMore: false }
}

function possibilityOf(asker: Context, candidate: Candidate, known: Known): Possibility | undefined {
  const { action, resource } = candidate
  const principal = { type: candidate.principal.kind, id: candidate.principal.id }
  const ctx = aloneAs(asker, candidate.principal)
  const question: Question = { action, resource }
  const allowed = whenAllowed(ctx, question, known)
  return allowed === undefined ? undefined : { principal, action, resource, ...allowed }
}

/** The request of `asker`, as somebody acting alone would make it. */
export function aloneAs({ address: _, ...asker }: Context, principal: Candidate['principal']): Context {
  const caller: Caller = {
    chain: [{ kind: principal.kind, id: principal.id as PrincipalId }], // an entity that the directory has put there
    delegation: undefined,
    authentication: { method: 'asserted', at: asker.clock.now() },
    scope: undefined,
    credential: asker.caller.credential,
    expiresAt: asker.caller.expiresAt,
  }
  return { ...asker, caller }
}
