import { decideFrame, frameOf, type Ruling } from './decide.ts'
import type { Entities } from './entities.ts'
import { CedarError } from './errors.ts'
import type { Constraint } from './expression.ts'
import type { Policy } from './policy.ts'
import type { AccessRequest } from './request.ts'
import type { Uid } from './uid.ts'

/** A request with one part left open: of which principals, resources or actions is it allowed? */
export type SearchRequest = Paging & { readonly context?: object | string } & (
    | { readonly kind: 'principals'; readonly type: string; readonly action: Uid; readonly resource: Uid }
    | { readonly kind: 'resources'; readonly principal: Uid; readonly action: Uid; readonly type: string }
    | { readonly kind: 'actions'; readonly principal: Uid; readonly resource: Uid }
  )

interface Paging {
  /** At most so many results; 1000 unless said. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface SearchPage {
  /** In the order of their ids, so that pages stay together while entities come and go. */
  readonly results: readonly Uid[]
  /** Where the next page starts. Without it, this was the last. */
  readonly next?: string
}

/**
 * Principals and resources are looked for among the entities of the type; actions among those that the schema declares
 * for the two types or, without a schema, those that policies and entities know. Each candidate is decided on: what is
 * found is exactly what `decide` allows.
 */
export function search(
  request: SearchRequest,
  entities: Entities,
  ruling: Ruling,
  policies: () => Iterable<Policy>,
): SearchPage {
  const { limit = 1000, after } = request
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new CedarError('request_invalid', '`limit` is a positive integer')
  const results: Uid[] = []
  for (const candidate of candidatesOf(request, entities, ruling, policies)) {
    const key = keyOf(request, candidate)
    if (after !== undefined && key <= after) continue
    if (decideFrame(frameOf(filledIn(request, candidate), entities, ruling), ruling).decision === 'deny') continue
    const last = results.at(-1)
    if (results.length === limit && last !== undefined) return { results, next: keyOf(request, last) }
    results.push(candidate)
  }
  return { results }
}

function keyOf({ kind }: SearchRequest, { type, id }: Uid): string {
  return kind === 'actions' ? `${type}::${id}` : id
}

function filledIn(request: SearchRequest, candidate: Uid): AccessRequest {
  const context = request.context === undefined ? {} : { context: request.context }
  switch (request.kind) {
    case 'principals':
      return { principal: candidate, action: request.action, resource: request.resource, ...context }
    case 'resources':
      return { principal: request.principal, action: request.action, resource: candidate, ...context }
    case 'actions':
      return { principal: request.principal, action: candidate, resource: request.resource, ...context }
  }
}

function candidatesOf(
  request: SearchRequest,
  entities: Entities,
  { schema, actions }: Ruling,
  policies: () => Iterable<Policy>,
): Iterable<Uid> {
  if (request.kind !== 'actions') {
    const enumerated = (schema ?? entities.schema)?.entityTypes.get(request.type)?.ids
    return entities.uidsOf(request.type, enumerated)
  }
  const known = schema ?? entities.schema
  if (known === undefined) return knownActions(entities, actions, policies())
  const { principal, resource } = request
  const applying = [...known.actions.values()].filter(
    ({ principals, resources }) => principals.includes(principal.type) && resources.includes(resource.type),
  )
  return sorted(applying.map(({ uid }) => uid))
}

function knownActions(entities: Entities, actions: Entities, policies: Iterable<Policy>): readonly Uid[] {
  const found: Uid[] = []
  for (const { ref } of [...entities.nodes(), ...actions.nodes()]) if (isAction(ref)) found.push(ref)
  for (const { scope } of policies) found.push(...namedIn(scope.action))
  return sorted(found.map(({ type, id }) => ({ type, id })))
}

function namedIn(constraint: Constraint): readonly Uid[] {
  if (constraint.kind === 'equal') return [constraint.uid]
  return constraint.kind === 'in' ? constraint.uids : []
}

function isAction({ type }: Uid): boolean {
  return type === 'Action' || type.endsWith('::Action')
}

function sorted(uids: readonly Uid[]): readonly Uid[] {
  const byKey = new Map(uids.map((uid) => [`${uid.type}::${uid.id}`, uid]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, uid]) => uid)
}
