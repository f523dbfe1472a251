import { CedarError, describeSchema, type EntityJson, type Filter } from '../cedar/index.ts'
import type { Context, PrincipalKind } from '../kernel/index.ts'
import type { Approvals } from './approvals/approvals.ts'
import { askForApprovals } from './approvals/ask.ts'
import { type WantedApproval, wantedApproval } from './approvals/wanted-approval.ts'
import { loadCountries } from './country.ts'
import { type ApprovalWanted, approvalWanted, judgeChain, type Known, prepareWithoutUsage } from './decide-chain.ts'
import { entityIndex, type SourceChange } from './entity-index.ts'
import { AccessError } from './errors.ts'
import { type Explanation, explainTo } from './explain.ts'
import { type FilterQuestion, filterForChain } from './filter.ts'
import { type Foundation, foundationFiles } from './foundation.ts'
import type { RecordedDecision } from './history/recorded-decision.ts'
import { type RecordedInputs, recordedInputs } from './history/recorded-inputs.ts'
import {
  declaredChange,
  entityChange,
  listChange,
  rolesChange,
  type WorldChange,
  type WorldListener,
  worldVersions,
} from './history/world-versions.ts'
import type { PolicyFile } from './layers.ts'
import { type Counting, type LimitsInForce, limitsInForce } from './limits/in-force.ts'
import { createLimits } from './limits/limits.ts'
import { windowsIn } from './limits/windows.ts'
import { type ListBook, listBook } from './lists/list-book.ts'
import type { WantedEntry } from './lists/lists.ts'
import { lockOutCheck } from './lists/lock-out.ts'
import { type Hours, localTime } from './local-time.ts'
import { couldGoOn, decideInMode, knownEnforced, limitsObserved, unaskedInMode } from './modes/decide-in-mode.ts'
import { isDeniedNow } from './modes/denied-now.ts'
import type { Mode } from './modes/mode-target.ts'
import { modesInForce } from './modes/modes-in-force.ts'
import { type GrantsOf, type Keep, policiesInForce } from './policies-in-force.ts'
import type { Decision, EntityRef, Question, Reason } from './question.ts'
import { type RecordedState, recordedStates } from './recorded-state.ts'
import { createGrantable, type Grantable } from './requests/grantable.ts'
import { type Reserved, reserve, type Taker } from './reserve.ts'
import { checkResources } from './resource-manifest.ts'
import { leavesNobody } from './revisions/lock-out.ts'
import { type Roles, rolesOf } from './roles.ts'
import { schemaInForce } from './schema-in-force.ts'
import { type SearchPage, type SearchQuestion, searchPage } from './search.ts'
import { affectedBy } from './shadow/affected.ts'
import { type RunningShadow, titlesIn } from './shadow/running-shadow.ts'
import { ShadowEye, type ShadowHooks } from './shadow/shadow-eye.ts'
import { knownWorld } from './suggest/known-world.ts'
import { type Suggestion, type SuggestOptions, suggestPolicies } from './suggest/suggest.ts'
import type { Observed } from './suggest/tally.ts'
import type { Vocabulary } from './vocabulary.ts'
import { type Possibilities, whatCan, whoCan } from './who-can.ts'

/** The decision point of one tenant. Everything it decides on is in memory: `decide` does no I/O. */
export interface Access {
  /**
   * Decides for every principal of the chain, and for the mandate; where one is denied, all are. Throws
   * `question_invalid` for facts and attributes that are not of the types that the schema declares.
   */
  decide(ctx: Context, question: Question): Decision
  /** A denial that was made without asking the policies: only observed where the place of the request is. */
  deniedInMode(ctx: Context, question: Question, denial: Decision): Decision
  /**
   * Takes what these allowed decisions need before their actions begin (limits, single-use approvals): all of it, or
   * nothing. Whatever it rejects with means that nothing may be done.
   */
  reserve(ctx: Context, questions: readonly Question[], decisions: readonly Decision[]): Reserved | Promise<Reserved>
  /**
   * Asks people for the approvals that enforced denials lack, where they lack nothing else, and names in each denial what
   * now waits. Where nothing is lacking it answers at once, and without a promise.
   */
  ask(
    ctx: Context,
    questions: readonly Question[],
    decisions: readonly Decision[],
  ): readonly Decision[] | Promise<readonly Decision[]>
  /** What a person would have to agree to for this request, where it lacks nothing but that. */
  approvalWanted(ctx: Context, question: Question): WantedApproval | undefined
  /** Without them, nothing is ever approved. */
  setApprovals(approvals: Approvals): void
  /** Where limits are counted. Without it, everything is denied as long as there are any. */
  setLimits(counting: Counting): void
  /** The limits in force and what is used of them; see `LimitsInForce`. */
  readonly limits: LimitsInForce
  /**
   * Whether there are arguments with which the call could go on; for showing what can be called. A policy that
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
  /**
   * Puts and removes some of what this source has given, in time that depends on the change alone. Throws `CedarError`,
   * changing nothing, for what does not fit the schema.
   */
  changeEntities(source: string, change: SourceChange): void
  /** Throws `resources_invalid` for entities that do not fit the schema: that of these files, where they are given. */
  checkEntities(entities: readonly EntityJson[], files?: readonly PolicyFile[]): void
  /**
   * What a resource has to be like for the whole chain to be allowed, as SQL or as a function. It holds for the moment:
   * policies, roles and entities may change. Throws `question_invalid`.
   */
  filter(ctx: Context, asked: FilterQuestion): Filter
  /** Every subject, resource or action for which a request would be allowed now, page by page. Rejects with `question_invalid`. */
  search(ctx: Context, asked: SearchQuestion): Promise<SearchPage>
  /** What questions can speak of, and what enforcement points call it. */
  vocabulary(): Vocabulary
  /** Rejects with `policies_invalid` where `setPolicies` would. Decisions go on meanwhile. */
  checkPolicies(files: readonly PolicyFile[]): Promise<void>
  /**
   * Replaces the policies below the foundation; its own stay. They are prepared while decisions go on, and in force
   * when the promise resolves; of two calls, the second is in force last. `keep` writes that down, once nothing else
   * stands in their way. Rejects with `policies_invalid` or what `keep` rejects with, changing nothing.
   */
  setPolicies(files: readonly PolicyFile[], keep?: Keep): Promise<void>
  /** What would decide if these were in force. Rejects with `policies_invalid` where `setPolicies` would. */
  prepare(files: readonly PolicyFile[]): Promise<Candidate>
  /**
   * Decides live requests under a candidate too, beside what decides; nothing that it says or does reaches a decision.
   * One at a time: another one ends it. Rejects with `policies_invalid`, `shadow_impossible`.
   */
  shadow(files: readonly PolicyFile[], hooks: ShadowHooks): Promise<RunningShadow>
  /** Replaces who has which role, at once. Throws `policies_invalid`, changing nothing. */
  setRoles(roles: Roles): void
  /**
   * Reads anew what these have. A change of a few is in force when the call returns, one of many when the promise
   * resolves. Rejects with `policies_invalid`; what could not be given is then not given, and what was taken away is gone.
   */
  changeRoles(assignees: readonly EntityRef[], grantsOf: GrantsOf): Promise<void>
  /** Rejects with `policies_invalid` where these policies (those in force, where none are given) do not fit these roles. */
  checkRoles(files: readonly PolicyFile[] | undefined, roles: Roles): Promise<void>
  /** Roles that ship with the product. */
  builtInRoles(): ReadonlySet<string>
  /** The tenant's own time; without it the fact `time` is absent. Throws `settings_invalid` for an unknown time zone. */
  setHours(hours: Hours | undefined): void
  /** Throws `settings_invalid` where `setHours` would. */
  checkHours(hours: Hours): void
  /** What stands in `observe` and what in `enforce`, by target; what is not in here is enforced, with all around it. */
  setModes(modes: ReadonlyMap<string, Mode>): void
  /** Whether what was denied then would still be, by what is in force now, limits aside. */
  isDeniedNow(asker: Context, recorded: RecordedDecision): boolean
  /** Content address of the policies in force: what decisions name. Who has which role is no part of it. */
  revision(): string
  /** Policies and roles as they are; another object after each change of either. */
  basis(): unknown
  /** What stands behind a decision besides its facts, for its record: roles and levels of the chain, the resource's state. */
  recordedState(ctx: Context, resource: EntityRef): RecordedState
  /** What a decision was made on besides its facts and that, for its record: with it, it can be made again. */
  recordedInputs(question: Question, decision: Decision): RecordedInputs
  /**
   * Counts the states of what decisions look at, from `version` on; `listener` is told of every change with the version
   * that it makes. Decisions say which version they were made in. Returns how to note something that is no change.
   */
  keepStates(version: number, listener: WorldListener): (changes: readonly WorldChange[]) => void
  /** All that decisions look at in memory, as changes from nothing. */
  state(): Iterable<WorldChange>
  /** The allow and deny lists in memory; `openLists` keeps them in the store. */
  readonly lists: ListBook
  /** Why these entries of deny lists alone would refuse a request. */
  refusalsBy(ctx: Context, question: Question, entries: readonly WantedEntry[]): readonly Reason[]
  /** Whether these entries would leave nobody who can change the lists, where somebody can now. */
  locksOut(asker: Context, entries: readonly WantedEntry[]): Promise<boolean>
  /** What could be granted, for requests for access. */
  readonly grantable: Grantable
  /** The least that has to be granted for these decisions; see `suggestPolicies`. Nothing is put in force. */
  suggest(decisions: AsyncIterable<Observed> | Iterable<Observed>, options: SuggestOptions): Promise<Suggestion>
  /** The actions of the schema, groups among them. */
  readonly actionNames: ReadonlySet<string>
}

/** Policies that are not in force, with everything else as it is. */
export interface Candidate {
  /** The content address that they would have. */
  readonly revision: string
  /** Decides as if they were in force; see `Access.decide`. */
  decide(ctx: Context, question: Question): Decision
  /** Whether somebody can do this now, if need be after following advice, and nobody could if they were in force. */
  leavesNobody(asker: Context, ...questions: readonly Question[]): Promise<boolean>
}

/** Opens the decision point of a tenant. Throws `policies_invalid`. */
export function openAccess(foundation: Foundation, tenant = ''): Access {
  const own = foundationFiles(foundation)
  const world = worldVersions()
  let declared: ReadonlySet<string> = new Set()
  let eye: ShadowEye | undefined
  const policies = policiesInForce(
    { schema: foundation.schema, own, tenant },
    {
      check: ({ schema }) => fitting(() => schema !== known.set.schema && known.entities.checkSchema(schema.text)),
      enforce(set) {
        fitting(() => set.schema !== known.set.schema && known.entities.setSchema(set.schema.text))
        // What the candidate was compared with decides no longer.
        if (set.revision !== known.set.revision) eye?.abandon(superseded())
        known = { ...known, set }
        basis = set
      },
      onRoles(changes, nowDeclared) {
        const isOther = nowDeclared !== declared
        declared = nowDeclared
        world.note(() => [...(isOther ? [declaredChange(nowDeclared)] : []), ...changes.map(rolesChange)])
      },
    },
  )
  let known: Known = {
    set: policies.current(),
    entities: entityIndex(foundation.schema, (_, said) =>
      world.note(() => said().map(({ source, uid, text }) => entityChange(source, uid, text))),
    ),
    lists: listBook((changes) => world.note(() => changes().map((change) => listChange(change, change.entry)))),
    timeOf: undefined,
    world,
  }
  /** Another one whenever policies, roles or modes are. */
  let basis: object = known.set
  const builtIn = rolesOf(known.set.engine)
  const { actions } = describeSchema(foundation.schema)
  const recordedState = recordedStates({
    entitiesVersion: () => known.entities.with(undefined),
    rolesVersion: () => known.set,
    entity: (uid) => known.entities.entity(uid),
    grantsOf: policies.grantsOf,
  })
  loadCountries()
  // In this order; each of them is asked only where those before it have given what they were asked for.
  const takers: Taker[] = []
  let approvals: Approvals | undefined
  let windows = windowsIn('UTC')
  let counting: Counting | undefined

  return {
    decide(ctx, question) {
      try {
        const decision = decideInMode(ctx, question, known)
        eye?.saw(ctx, question, decision, known)
        return decision
      } catch (error) {
        throw asQuestionError(error)
      }
    },
    async shadow(files, hooks) {
      const candidate = await policies.follow(files)
      const set = candidate.current()
      if (set === undefined) {
        candidate.end()
        throw new AccessError('shadow_impossible', 'the roles of many are changing: try again')
      }
      if (set.schema.text !== known.set.schema.text) {
        candidate.end()
        throw new AccessError('shadow_impossible', 'a candidate with another schema cannot be tried on live requests')
      }
      const affected = affectedBy(known.set, set)
      eye?.end()
      const mine = new ShadowEye({ candidate, affected, ...hooks })
      eye = mine
      return {
        revision: set.revision,
        changed: affected.changed,
        titles: () => titlesIn([known.set, set]),
        counts: () => mine.counts,
        end() {
          mine.end()
          if (eye === mine) eye = undefined
        },
      }
    },
    reserve: (ctx, questions, decisions) => reserve(ctx, questions, decisions, takers),
    ask: (ctx, questions, decisions) => askForApprovals(ctx, questions, decisions, approvals),
    approvalWanted(ctx, question) {
      const asked = approvalLacking(ctx, question, known)
      if (asked === undefined) return undefined
      return wantedApproval(ctx, question, asked, { set: known.set, entities: known.entities.with(question.entities) })
    },
    setApprovals(opened) {
      approvals = opened
      takers.push(opened)
      known = { ...known, approvals: opened }
    },
    setLimits(opened) {
      counting = opened
      const limits = createLimits({
        ...opened,
        statements: () => known.set.limits,
        windowOf: () => windows,
        observing: (ctx, question, decision) => limitsObserved(ctx, question, decision, known),
        asked(ctx, question) {
          const asked = prepareWithoutUsage(ctx, question, known)
          const { limits: set } = known.set
          // Read once, for every principal of the chain.
          return set === undefined ? asked : { ...asked, context: set.engine.context(asked.action, asked.context) }
        },
      })
      takers.unshift(limits)
      known = { ...known, limits }
    },
    limits: limitsInForce(
      () => known.set.limits,
      () => counting,
      () => windows,
    ),
    couldAllow: (ctx, question) => couldGoOn(ctx, question, known),
    explain: (viewer, ctx, question) => explainTo(viewer, ctx, question, known),
    whoCan: (asker, asked) => whoCan(asker, asked, known),
    whatCan: (asker, asked) => whatCan(asker, asked, known, known.set.schema.vocabulary.actions),
    putEntities: (source, list) => known.entities.put(source, list),
    changeEntities: (source, change) => known.entities.change(source, change),
    checkEntities: (list, files) =>
      checkResources(list, files === undefined ? known.set.schema.text : schemaInForce(foundation.schema, files).text),
    filter(ctx, asked) {
      try {
        return filterForChain(ctx, asked, known)
      } catch (error) {
        throw asQuestionError(error)
      }
    },
    search: (ctx, asked) =>
      searchPage(ctx, asked, known, known.set.schema.vocabulary).catch((error: unknown) => {
        throw asQuestionError(error)
      }),
    vocabulary: () => known.set.schema.vocabulary,
    checkHours: (hours) => void timeIn(hours),
    checkPolicies: (files) => policies.check(files, undefined),
    setPolicies: (files, keep) => policies.put(files, keep),
    async prepare(files) {
      const set = await policies.prepare(files)
      return {
        revision: set.revision,
        decide(ctx, question) {
          try {
            return decideInMode(ctx, question, { ...known, set })
          } catch (error) {
            throw asQuestionError(error)
          }
        },
        leavesNobody: (asker, ...questions) => leavesNobody(asker, questions, known, { ...known, set }),
      }
    },
    setRoles: (roles) => policies.setRoles(roles),
    changeRoles: (assignees, grantsOf) => policies.changeRoles(assignees, grantsOf),
    checkRoles: (files, roles) => policies.check(files, roles),
    builtInRoles: () => builtIn,
    setHours(hours) {
      known = { ...known, timeOf: hours === undefined ? undefined : timeIn(hours) }
      windows = windowsIn(hours?.timeZone ?? 'UTC')
    },
    deniedInMode: (ctx, question, denial) => unaskedInMode(ctx, question, denial, known),
    isDeniedNow: (asker, recorded) => isDeniedNow(asker, recorded, known),
    setModes(modes) {
      known = { ...known, modes: modesInForce(modes) }
      basis = {}
    },
    revision: () => known.set.revision,
    recordedState: (ctx, resource) => recordedState(ctx.caller.chain, resource),
    basis: () => basis,
    recordedInputs: (question, decision) => recordedInputs(question, decision, known.set.reads),
    keepStates: (version, listener) => world.keep(version, listener),
    *state() {
      yield declaredChange(policies.declared())
      for (const change of policies.linked()) yield rolesChange(change)
      for (const { source, uid, text } of known.entities.said()) yield entityChange(source, uid, text)
      for (const entry of known.lists.entries()) yield listChange(entry, entry)
    },
    grantable: createGrantable({
      known: () => known,
      declared: policies.declared,
      supposing: policies.supposing,
    }),
    lists: known.lists,
    suggest: (decisions, options) => suggestPolicies(decisions, knownWorld(known, tenant), options),
    refusalsBy(ctx, question, entries) {
      const book = listBook()
      const common = { source: '', addedBy: '', addedAt: 0 }
      book.put(entries.map((entry, at) => ({ ...entry, ...common, id: String(at) })))
      return judgeChain(ctx, question, { ...known, lists: book }).listed
    },
    locksOut: lockOutCheck(() => known),
    actionNames: new Set(actions.map(({ id }) => id)),
  }
}

function superseded(): AccessError {
  return new AccessError('shadow_impossible', 'other policies came in force')
}

/** What was agreed to before its layers stood in observe still is. */
function approvalLacking(ctx: Context, question: Question, known: Known): ApprovalWanted | undefined {
  const wanted = approvalWanted(ctx, question, judgeChain(ctx, question, known), known)
  const enforced = knownEnforced(known)
  if (enforced === known) return wanted
  if (wanted !== undefined && known.approvals?.find(wanted.digest, ctx.clock.now())?.state === 'approved') return wanted
  return approvalWanted(ctx, question, judgeChain(ctx, question, enforced), enforced)
}

/** What the engine says of facts and attributes that do not fit the schema is for whoever stated them. */
function asQuestionError(error: unknown): unknown {
  if (!(error instanceof CedarError)) return error
  return new AccessError('question_invalid', error.publicMessage, { cause: error })
}

/** What is known of things has to fit the schema that policies speak of. */
function fitting(check: () => unknown): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof CedarError)) throw error
    throw new AccessError('policies_invalid', `what there is does not fit the schema: ${error.publicMessage}`, {
      cause: error,
    })
  }
}

function timeIn(hours: Hours): ReturnType<typeof localTime> {
  try {
    return localTime(hours)
  } catch (error) {
    throw new AccessError('settings_invalid', `\`${hours.timeZone}\` is no time zone`, { cause: error })
  }
}
