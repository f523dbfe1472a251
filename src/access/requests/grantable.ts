import { setImmediate } from 'node:timers/promises'
import type { SchemaDescription, Uid } from '../../cedar/index.ts'
import type { Context, PrincipalRef } from '../../kernel/index.ts'
import type { Known } from '../decide-chain.ts'
import type { PolicySet } from '../policy-set.ts'
import type { EntityRef, Question } from '../question.ts'
import { type RoleGrant, templatesOf } from '../roles.ts'
import { whenAllowed } from '../when-allowed.ts'
import { aloneAs } from '../who-can.ts'

/** A role that would help, limited to the resource that was asked for. */
export interface Offer {
  readonly role: string
  /** Every action that the role grants on the resource or on what is in it, at most. */
  readonly grants: readonly string[]
  /** Whether one of them is elevated. */
  readonly isElevated: boolean
  /** Whether what was asked for would then be allowed at once, after proving again who one is, or depending on arguments. */
  readonly when: 'now' | 'after' | 'perhaps'
}

export interface Wished {
  readonly subject: PrincipalRef
  /** Without it, whatever a role grants. */
  readonly action: string | undefined
  readonly resource: EntityRef
}

/** What could be granted, found by deciding with the grant supposed. */
export interface Grantable {
  /** Whether there is such a resource. */
  exists(resource: EntityRef): boolean
  /** What the resource is in, far and near. */
  ancestorsOf(resource: EntityRef): readonly EntityRef[]
  /** Whether somebody, acting alone, may do it already, or could with other arguments or after proving who they are. */
  isAllowed(asker: Context, wished: Wished & { readonly action: string }): boolean
  /** The roles that would help, the least first; of `role` alone where one is named. */
  offers(asker: Context, wished: Wished, role?: string): readonly Offer[]
  /** Whether some role might help; costs next to nothing. */
  isRequestable(action: string, type: string, kind: PrincipalRef['kind']): boolean
  /** Whether somebody whom nothing bars could be allowed this, acting alone. Lets others have their turn in between. */
  isAnybodyAllowed(asker: Context, question: Question, isBarred: (principal: PrincipalRef) => boolean): Promise<boolean>
  revision(): string
}

export interface GrantableDeps {
  readonly known: () => Known
  /** Roles whose statements in the foundation do not count. */
  readonly declared: () => ReadonlySet<string>
  readonly supposing: (grant: RoleGrant) => PolicySet
}

export function createGrantable({ known, declared, supposing }: GrantableDeps): Grantable {
  let read: Reading | undefined
  /** The schema in force, with the tenant's own types and actions: a role may grant those too. */
  const reading = (): Reading => {
    const { description } = known().set.schema
    if (read?.description !== description) read = readingOf(description)
    return read
  }
  // The grants of roles follow from policies alone, which change seldom.
  let cached: { readonly set: string; readonly declared: ReadonlySet<string>; readonly roles: Roles } | undefined
  const roles = (): Roles => {
    const { revision: set, engine } = known().set
    const now = declared()
    if (cached?.set !== set || cached.declared !== now) {
      const { actions, groupsOf } = reading()
      const found = new Map<string, readonly string[]>()
      for (const [role, templates] of templatesOf(engine, now)) {
        const isGranted = (id: string): boolean =>
          templates.some(
            (template) =>
              template.actions?.map(nameOf).some((named) => named === id || groupsOf(id).has(named)) ?? true,
          )
        found.set(
          role,
          actions.filter(({ id }) => isGranted(id)).map(({ id }) => id),
        )
      }
      cached = { set, declared: now, roles: found }
    }
    return cached.roles
  }
  const applies = (action: string, type: string, kind: PrincipalRef['kind']): boolean => {
    const declaredAs = reading().actions.find(({ id }) => id === action)
    return declaredAs?.resources.includes(type) === true && declaredAs.principals.includes(kind)
  }
  const grantsOf = (role: string, { subject, resource }: Wished): readonly string[] => {
    const { actions, typesIn } = reading()
    const own = new Set(roles().get(role) ?? [])
    const types = typesIn(resource.type)
    return actions
      .filter(({ id, principals, resources }) => {
        return own.has(id) && principals.includes(subject.kind) && resources.some((type) => types.has(type))
      })
      .map(({ id }) => id)
      .sort()
  }
  // Of two that grant the same here, the one that grants less elsewhere is less likely to grow here.
  const sizeOf = ({ role }: Offer): number => roles().get(role)?.length ?? 0
  const offerOf = (asker: Context, wished: Wished, role: string): Offer | undefined => {
    const grants = grantsOf(role, wished)
    const { subject, action, resource } = wished
    if (grants.length === 0) return undefined
    if (action !== undefined && !(grants.includes(action) && applies(action, resource.type, subject.kind)))
      return undefined
    const assignee = { type: subject.kind, id: subject.id }
    // Far enough ahead: what is asked here is whether it would help, not for how long.
    const until = asker.clock.now() + 86_400_000
    const supposed: Known = { ...known(), set: supposing({ role, assignee, on: resource, until }) }
    const when = helps(aloneAs(asker, subject), { grants, resource, action }, supposed)
    return when === undefined
      ? undefined
      : { role, grants, isElevated: grants.some((id) => reading().groupsOf(id).has('elevated')), when }
  }
  const helps = (
    ctx: Context,
    {
      grants,
      resource,
      action,
    }: { readonly grants: readonly string[]; readonly resource: EntityRef; readonly action: string | undefined },
    supposed: Known,
  ): Offer['when'] | undefined => {
    if (action !== undefined) return whenAllowed(ctx, { action, resource }, supposed)?.when
    let looked = 0
    for (const target of [resource, ...contentsOf(resource, reading().typesIn(resource.type), known())]) {
      for (const id of grants) {
        if (!applies(id, target.type, ctx.caller.chain[0].kind)) continue
        if (++looked > MOST_LOOKS) return undefined
        const question = { action: id, resource: target }
        const when =
          whenAllowed(ctx, question, known()) === undefined ? whenAllowed(ctx, question, supposed)?.when : undefined
        if (when !== undefined) return when
      }
    }
    return undefined
  }

  return {
    exists: (resource) => known().entities.with(undefined).has(resource),
    ancestorsOf(resource) {
      const entities = known().entities.with(undefined)
      const node = entities.find(resource)
      return node === undefined ? [] : entities.lineage(node).refs.map(({ type, id }) => ({ type, id }))
    },
    isAllowed: (asker, { subject, action, resource }) =>
      whenAllowed(aloneAs(asker, subject), { action, resource }, known()) !== undefined,
    offers(asker, wished, role) {
      const names = role === undefined ? [...roles().keys()] : [role]
      return names
        .map((name) => offerOf(asker, wished, name))
        .filter((offer) => offer !== undefined)
        .sort((a, b) => a.grants.length - b.grants.length || sizeOf(a) - sizeOf(b) || (a.role < b.role ? -1 : 1))
    },
    isRequestable(action, type, kind) {
      if (!applies(action, type, kind)) return false
      for (const granted of roles().values()) if (granted.includes(action)) return true
      return false
    },
    async isAnybodyAllowed(asker, question, isBarred) {
      const entities = known().entities.with(undefined)
      let looked = 0
      for (const kind of ['User', 'Service'] as const) {
        for (const { id } of entities.uidsOf(kind)) {
          if (++looked % AT_A_TIME === 0) await setImmediate()
          const ctx = aloneAs(asker, { kind, id })
          if (!isBarred(ctx.caller.chain[0]) && whenAllowed(ctx, question, known()) !== undefined) return true
        }
      }
      return false
    },
    revision: () => known().set.revision,
  }
}

/** Actions by role. */
type Roles = ReadonlyMap<string, readonly string[]>

/** Decisions that are made for one role before it counts as no help. */
const MOST_LOOKS = 500
const AT_A_TIME = 200

function* contentsOf(container: EntityRef, types: ReadonlySet<string>, known: Known): Iterable<EntityRef> {
  const entities = known.entities.with(undefined)
  for (const type of types) {
    for (const node of entities.nodes(type)) if (entities.lineage(node).has(container)) yield { type, id: node.ref.id }
  }
}

interface Reading {
  readonly description: SchemaDescription
  readonly actions: SchemaDescription['actions']
  readonly typesIn: ReturnType<typeof containment>
  readonly groupsOf: ReturnType<typeof groups>
}

function readingOf(description: SchemaDescription): Reading {
  const actions = description.actions.filter(({ principals }) => principals.length > 0)
  return { description, actions, typesIn: containment(description), groupsOf: groups(description) }
}

/** `Shop::refund` for `Shop::Action::"refund"`. */
function nameOf({ type, id }: Uid): string {
  const at = type.lastIndexOf('::')
  return at < 0 ? id : `${type.slice(0, at)}::${id}`
}

/** The types of what can be in a resource of a type, and that type itself. */
function containment(schema: SchemaDescription): (type: string) => ReadonlySet<string> {
  const found = new Map<string, ReadonlySet<string>>()
  return (type) => {
    const known = found.get(type)
    if (known !== undefined) return known
    const types = new Set([type])
    for (const one of types) {
      for (const { name, parents } of schema.entities) if (parents.includes(one)) types.add(name)
    }
    found.set(type, types)
    return types
  }
}

/** The groups that an action is in, far and near. */
function groups(schema: SchemaDescription): (id: string) => ReadonlySet<string> {
  const parents = new Map(schema.actions.map((action) => [action.id, action.parents]))
  const found = new Map<string, ReadonlySet<string>>()
  return (id) => {
    const known = found.get(id)
    if (known !== undefined) return known
    const above = new Set(parents.get(id))
    for (const one of above) for (const parent of parents.get(one) ?? []) above.add(parent)
    found.set(id, above)
    return above
  }
}
