import type { IsKnownIn } from './covers.ts'
import { contextFor, decide, decideFrame, frameOf } from './decide.ts'
import { Entities } from './entities.ts'
import { CedarError, errorOf, type Problem } from './errors.ts'
import { type Explanation, explain } from './explain.ts'
import { type Filter, type FilterRequest, filter, filterOf, type PolicyCondition, policyConditions } from './filter.ts'
import type { FilterCondition } from './filter-condition.ts'
import { Names } from './frame.ts'
import { type CanShadow, type LintFinding, lint } from './lint.ts'
import type { Policy, PolicyInfo, PolicySource, TemplateLink } from './policy.ts'
import { asksOf, type PolicyAsks } from './policy-asks.ts'
import { type IndexNode, indexSteps, withoutPolicy, withPolicy } from './policy-index.ts'
import {
  changePolicies,
  EMPTY_POLICY_SET,
  type PolicyChange,
  type PolicyDifference,
  type PolicySet,
} from './policy-set.ts'
import { type PolicyReads, readsOf } from './reads.ts'
import type { AccessRequest, PolicyDecision } from './request.ts'
import { parseSchema, type Schema } from './schema.ts'
import { type SearchPage, type SearchRequest, search } from './search.ts'
import { finish, type Steps } from './steps.ts'
import { type Tracer, tracerOf } from './tracer.ts'
import type { Uid } from './uid.ts'
import { problemsIn } from './validate.ts'

/** What a forbid that cannot be evaluated means: nothing (as in Cedar itself), or that it applies. */
export type OnError = 'skip' | 'deny'

export interface CompileInput {
  readonly policies: string | readonly PolicySource[]
  /** In Cedar's schema language, or its JSON form. With a schema, policies are validated against it. */
  readonly schema?: string | object
  readonly links?: readonly TemplateLink[]
  /** `skip` unless said otherwise. */
  readonly onError?: OnError
}

export interface EngineChange extends PolicyChange {
  readonly onError?: OnError
  /** Whoever makes the change has seen to it that the policies fit the schema: they are not validated again. */
  readonly isValidated?: boolean
}

/**
 * Parses policies, validates them where there is a schema, and makes an engine of them. Throws `schema_invalid`, or
 * `policies_invalid` with every problem found.
 */
export function compile(input: CompileInput): Engine {
  return finish(compileSteps(input))
}

/**
 * The same in steps of less than a millisecond, except that policies are validated in one. `isValidated`: by
 * `problemsIn`, before or after; they are not validated here.
 */
export function* compileSteps({
  policies,
  schema,
  links = [],
  onError = 'skip',
  isValidated = false,
}: CompileInput & { readonly isValidated?: boolean }): Steps<Engine> {
  const parsed = schema === undefined ? undefined : parseSchema(schema)
  const difference = yield* changePolicies(EMPTY_POLICY_SET, { add: policies, links })
  const warnings = isValidated ? [] : check(difference, parsed)
  return engineOf({
    set: difference.set,
    index: yield* indexSteps(difference.added, difference.shared),
    schema: parsed,
    actions: Entities.fromJson([], parsed),
    onError,
    warnings,
    names: new Names(),
  })
}

/** All that is wrong with policies, or only unwise: nothing is thrown, every problem is listed. */
export function validate(input: CompileInput): readonly Problem[] {
  try {
    return compile(input).warnings
  } catch (error) {
    if (error instanceof CedarError && error.problems.length > 0) return error.problems
    if (error instanceof CedarError) return [{ severity: 'error', message: error.publicMessage }]
    throw error
  }
}

/** Policies that can be asked. Immutable. */
export interface Engine {
  readonly onError: OnError
  /** What the validator found unwise, but not wrong. */
  readonly warnings: readonly Problem[]
  /**
   * The decision on one request, exactly as Cedar defines it. Throws `request_invalid` or `entities_invalid` for a
   * malformed request.
   */
  decide(request: AccessRequest, entities: Entities): PolicyDecision
  /** The context of requests with this action, read once; each of them takes it in place of the JSON. */
  context(action: Uid, json: object | string): object
  /** Why a request is decided as it is: which policies apply, or which came nearest and what they lack. */
  explain(request: AccessRequest, entities: Entities): Explanation
  /**
   * What a resource has to be like for the request to be allowed, as a condition, a function, or SQL. Entities that
   * are known besides the resource must not change between making the filter and using it.
   */
  filter(request: FilterRequest, entities: Entities): Filter
  /** What each policy says of the resources of a type; for whoever puts policies together in another way than Cedar. */
  conditions(request: FilterRequest, entities: Entities): readonly PolicyCondition[]
  /** The filter of a condition that was put together of those. */
  filterOf(condition: FilterCondition, resourceType: string, entities: Entities): Filter
  /** Every principal, resource or action for which a request would be allowed, page by page. */
  search(request: SearchRequest, entities: Entities): SearchPage
  /** A new engine with policies added, replaced, removed; it shares all that did not change. Throws as `compile`. */
  with(change: EngineChange): Engine
  /** What hardly anybody means; see `CanShadow`. */
  lint(canShadow?: CanShadow): readonly LintFinding[]
  /** What each policy asks of requests. */
  asks(): IterableIterator<PolicyAsks>
  /** For the coverage of tests: how each policy meets a request, condition by condition. */
  tracer(): Tracer
  policy(id: string): PolicyInfo | undefined
  policies(): IterableIterator<PolicyInfo>
  /** Policies with slots, which decide nothing until they are linked. */
  templates(): IterableIterator<PolicyInfo>
  /** What each policy and each template can look at. */
  reads(): IterableIterator<PolicyReads>
}

interface EngineState {
  readonly set: PolicySet
  readonly index: IndexNode
  readonly schema: Schema | undefined
  readonly actions: Entities
  readonly onError: OnError
  readonly warnings: readonly Problem[]
  readonly names: Names
}

function engineOf(state: EngineState): Engine {
  const { set, index, schema, onError, warnings } = state
  function* policies(): IterableIterator<Policy> {
    for (const { policy } of values(set.policies)) yield policy
  }
  return {
    onError,
    warnings,
    decide: (request, entities) => decide(request, entities, state),
    context: (action, json) => contextFor(action, json, schema),
    explain(request, entities) {
      const frame = frameOf(request, entities, state)
      return explain(frame, decideFrame(frame, state), (id) => set.policies.get(id), values(set.policies))
    },
    filter: (request, entities) => filter(request, entities, state, values(set.policies)),
    conditions: (request, entities) => policyConditions(request, entities, state, values(set.policies)),
    filterOf: (condition, resourceType, entities) => filterOf(condition, resourceType, entities, state),
    search: (request, entities) => search(request, entities, state, policies),
    with(change) {
      const difference = finish(changePolicies(set, change))
      const found = change.isValidated === true ? [] : check(difference, schema)
      return engineOf({
        ...state,
        set: difference.set,
        index: difference.added.reduce(
          (node, policy) => withPolicy(node, policy, difference.shared),
          difference.removed.reduce((node, policy) => withoutPolicy(node, policy), index),
        ),
        onError: change.onError ?? onError,
        warnings: [...warnings, ...found],
      })
    },
    lint(canShadow = () => true) {
      const isKnownIn: IsKnownIn = (uid, of) => {
        const action = state.actions.find(uid)
        return action !== undefined && state.actions.lineage(action).has(of)
      }
      return lint([...policies()], isKnownIn, canShadow)
    },
    *asks() {
      for (const policy of policies()) yield asksOf(policy)
    },
    tracer: () => tracerOf(policies(), (request, entities) => frameOf(request, entities, state)),
    policy: (id) => set.policies.get(id)?.policy,
    policies,
    *templates() {
      for (const { info } of values(set.templates)) yield info
    },
    *reads() {
      for (const { id, scope, conditions } of policies()) yield readsOf(id, scope.action, conditions)
      for (const { info, action, conditions } of values(set.templates)) yield readsOf(info.id, action, conditions)
    },
  }
}

function* values<V>(map: Iterable<readonly [string, V]>): IterableIterator<V> {
  for (const [, value] of map) yield value
}

/** Gives the warnings, throws the errors. */
function check({ set, added, addedTemplates }: PolicyDifference, schema: Schema | undefined): readonly Problem[] {
  if (schema === undefined || added.length + addedTemplates.length === 0) return []
  const policies = added.map(({ policy }) => policy)
  // A new link may be of a template that has long been there.
  const linked = policies.map(({ link }) => (link === undefined ? undefined : set.templates.get(link.templateId)))
  const templates = new Set([...addedTemplates, ...linked.filter((template) => template !== undefined)])
  const problems = problemsIn(
    policies,
    [...templates].map(({ info }) => info),
    schema,
  )
  if (problems.some(({ severity }) => severity === 'error')) throw errorOf('policies_invalid', problems)
  return problems
}
