import type { StoredRecord } from '../../audit/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { Decided, Deciding } from '../route.ts'

/** What of a request to read records says whether it is about their bodies. */
export interface Reading {
  /** `false`: only what leaves show; `true`: bodies or nothing; left out: bodies, where they may be read. */
  readonly bodies?: boolean
  /** Whether it asks for records by what stands in their bodies: who may not read those may not find them either. */
  readonly byContent: boolean
}

// A request is decided on before it is handled. INVARIANT: bodies are shown only to requests in here, whose record says
// `log:read_body`.
const permitted = new WeakSet<Context>()

/**
 * Reading a body is an action of its own, `log:read_body`. Who may not, and asks for nothing that needs it, is decided on
 * for `log:read`, and sees when there was a record and of which kind.
 */
export function decideReading(
  { tenant, ctx, described }: Pick<Deciding, 'tenant' | 'ctx' | 'described'>,
  { bodies, byContent }: Reading,
): Decided {
  const ask = (action: string): Decided => {
    const question = { action, resource: { type: 'Tenant', id: tenant.id }, described }
    return { question, decision: tenant.access.decide(ctx, question) }
  }
  if (bodies === false && !byContent) return ask('log:read')
  const decided = ask('log:read_body')
  if (decided.decision.decision === 'allow') permitted.add(ctx)
  else if (bodies === undefined && !byContent) return ask('log:read')
  return decided
}

export function mayReadBodies(ctx: Context): boolean {
  return permitted.has(ctx)
}

/** A record as its reader may see it: as it is, or what its leaf shows to everybody, and that more is withheld. */
export function shown(record: StoredRecord, ctx: Context): object {
  if (mayReadBodies(ctx)) return record
  const { index, kind, tenant, at, of, erased } = record
  return { index, kind, tenant, at, ...(of === undefined ? {} : { of }), erased, ...(erased ? {} : { withheld: true }) }
}
