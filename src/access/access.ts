import { describeSchema, type EntityJson } from '../cedar/index.ts'
import type { Context, PrincipalKind } from '../kernel/index.ts'
import { loadCountries } from './country.ts'
import { couldAllowForChain, decideForChain, type Known } from './decide-chain.ts'
import { entityIndex } from './entity-index.ts'
import { AccessError } from './errors.ts'
import { type Explanation, explainTo } from './explain.ts'
import type { PolicyFile } from './layers.ts'
import { type ListBook, listBook } from './lists/list-book.ts'
import { type Hours, localTime } from './local-time.ts'
import { compilePolicySet, type PolicySet } from './policy-set.ts'
import type { Decision, EntityRef, Question } from './question.ts'
import { type Reserved, reserve, type Taker } from './reserve.ts'
import { checkResources } from './resource-manifest.ts'
import { checkLimits, type Roles, rolesOf, withRoles } from './roles.ts'
import { type Possibilities, whatCan, whoCan } from './who-can.ts'

/** The decision point of one tenant. Everything it decides on is in memory: `decide` does no I/O. */
export interface Access {
  /** Decides for every principal of the chain, and for the mandate; where one is denied, all are. */
  decide(ctx: Context, question: Question): Decision
  /**
   * Takes what these allowed decisions need before their actions begin (limits, single-use approvals): all of it, or
   * nothing. Whatever it rejects with means that nothing may be done.
   */
  reserve(ctx: Context, questions: readonly Question[], decisions: readonly Decision[]): Reserved | Promise<Reserved>
  /**
   * Whether there are arguments with which the call could be allowed; for showing what can be called. A policy that
   * needs to see the arguments counts as if it agreed.
   */
  couldAllow(ctx: Context, question: Question): boolean
  /** The decision explained to `viewer`: all of it for those who may know, nothing but the outcome for others. */
  explain(viewer: Context, ctx: Context, question: Question): Explanation
  /** Who may do an action on a resource, each acting alone. Lets others have their turn in between. */
  whoCan(
    asker: Context,
    asked: { readonly action: string; readonly resource: EntityRef; readonly limit: number },
  ): Promise<Possibilities>
  /** What somebody may do, acting alone. Lets others have their turn in between. */
  whatCan(
    asker: Context,
    asked: { readonly principal: { readonly kind: PrincipalKind; readonly id: string }; readonly limit: number },
  ): Promise<Possibilities>
  /** Replaces every entity that this source has given before. */
  putEntities(source: string, entities: readonly EntityJson[]): void
  /** Throws `resources_invalid` for entities that do not fit the schema. */
  checkEntities(entities: readonly EntityJson[]): void
  /** Throws `policies_invalid` where `setPolicies` would. */
  checkPolicies(files: readonly PolicyFile[]): void
  /** Replaces the policies below the foundation; its own stay. Throws `policies_invalid`, changing nothing. */
  setPolicies(files: readonly PolicyFile[]): void
  /** Replaces who has which role. Throws `policies_invalid`, changing nothing. */
  setRoles(roles: Roles): void
  /** Throws `policies_invalid` where these policies (those in force, where none are given) do not fit these roles. */
  checkRoles(files: readonly PolicyFile[] | undefined, roles: Roles): void
  /** Roles that ship with the product. */
  builtInRoles(): ReadonlySet<string>
  /** The tenant's own time; without it the fact `time` is absent. Throws `settings_invalid` for an unknown time zone. */
  setHours(hours: Hours | undefined): void
  /** Throws `settings_invalid` where `setHours` would. */
  checkHours(hours: Hours): void
  revision(): string
  /** The allow and deny lists in memory; `openLists` keeps them in the store. */
  readonly lists: ListBook
  /** The actions of the schema, groups among them. */
  readonly actionNames: ReadonlySet<string>
}

/** What ships with the product: it forbids, and may set ceilings, but grants nothing. */
export interface Foundation {
  readonly schema: string
  readonly policies: readonly PolicyFile[]
  /** What the roles of every tenant may do: templates with `@role`. */
  readonly roles?: readonly PolicyFile[]
}

/** Opens the decision point of a tenant. Throws `policies_invalid`. */
export function openAccess(foundation: Foundation, tenant = ''): Access {
  const own = [
    ...foundation.policies.map((file): PolicyFile => ({ ...file, layer: { kind: 'foundation' } })),
    ...(foundation.roles ?? []),
  ]
  // Files are checked before they are put in force, and compiling many takes seconds.
  let last: { readonly files: readonly PolicyFile[]; readonly set: PolicySet } | undefined
  const compileWith = (files: readonly PolicyFile[]): PolicySet => {
    if (last?.files !== files) last = { files, set: compilePolicySet(foundation.schema, [...own, ...files]) }
    return last.set
  }
  let roles: Roles = { grants: [], declared: new Set() }
  let known: Known = {
    set: compileWith([]),
    entities: entityIndex(foundation.schema),
    lists: listBook(),
    timeOf: undefined,
  }
  const builtIn = rolesOf(known.set.engine)
  const { actions } = describeSchema(foundation.schema)
  loadCountries()
  // In this order; each of them is asked only where those before it have given what they were asked for.
  const takers: readonly Taker[] = []

  return {
    decide: (ctx, question) => decideForChain(ctx, question, known),
    reserve: (ctx, questions, decisions) => reserve(ctx, questions, decisions, takers),
    couldAllow: (ctx, question) => couldAllowForChain(ctx, question, known),
    explain: (viewer, ctx, question) => explainTo(viewer, ctx, question, known),
    whoCan: (asker, asked) => whoCan(asker, asked, known),
    whatCan: (asker, asked) => whatCan(asker, asked, known, actions),
    putEntities: (source, list) => known.entities.put(source, list),
    checkEntities: (list) => checkResources(list, foundation.schema),
    checkHours: (hours) => void timeIn(hours),
    checkPolicies: (files) => void withRoles(compileWith(files), roles, tenant),
    setPolicies(files) {
      known = { ...known, set: withRoles(compileWith(files), roles, tenant) }
    },
    setRoles(next) {
      known = { ...known, set: withRoles(known.set, next, tenant) }
      roles = next
    },
    checkRoles(files, next) {
      const set = files === undefined ? known.set : compileWith(files)
      checkLimits(set, next)
      withRoles(set, next, tenant)
    },
    builtInRoles: () => builtIn,
    setHours(hours) {
      known = { ...known, timeOf: hours === undefined ? undefined : timeIn(hours) }
    },
    revision: () => known.set.revision,
    lists: known.lists,
    actionNames: new Set(actions.map(({ id }) => id)),
  }
}

function timeIn(hours: Hours): ReturnType<typeof localTime> {
  try {
    return localTime(hours)
  } catch (error) {
    throw new AccessError('settings_invalid', `\`${hours.timeZone}\` is no time zone`, { cause: error })
  }
}
