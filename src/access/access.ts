import type { Engine, Entities, EntityJson } from '../cedar/index.ts'
import type { Context, Json, PrincipalRef } from '../kernel/index.ts'
import { callFactsFor } from './call-facts.ts'
import { type EntityIndex, entityIndex } from './entity-index.ts'
import { factsOf } from './facts.ts'
import { compilePolicySet, type PolicyFile, type PolicySet } from './policy-set.ts'
import type { Decision, EntityRef, PolicyFault, Question, Reason } from './question.ts'

/** The decision point of one tenant. Everything it decides on is in memory: `decide` does no I/O. */
export interface Access {
  /** Decides for every principal of the chain; one that is denied denies all. */
  decide(ctx: Context, question: Question): Decision
  /**
   * Whether there are arguments with which the call could be allowed; for showing what can be called. A policy that
   * needs to see the arguments counts as if it agreed.
   */
  couldAllow(ctx: Context, question: Question): boolean
  /** The policies behind a decision as they were written, each after its place. */
  explain(ctx: Context, question: Question): readonly string[]
  /** Replaces every entity that this source has given before. */
  putEntities(source: string, entities: readonly EntityJson[]): void
  /** Throws `policies_invalid` where `setPolicies` would. */
  checkPolicies(files: readonly PolicyFile[]): void
  /** Replaces the tenant's own policies; those of the foundation stay. Throws `policies_invalid`, changing nothing. */
  setPolicies(files: readonly PolicyFile[]): void
  revision(): string
}

/** Throws `policies_invalid`. */
export function openAccess(foundation: { readonly schema: string; readonly policies: readonly PolicyFile[] }): Access {
  const compileWith = (files: readonly PolicyFile[]): PolicySet =>
    compilePolicySet(foundation.schema, [...foundation.policies, ...files])
  let set = compileWith([])
  const entities = entityIndex(foundation.schema)

  return {
    decide: (ctx, question) => decideForChain(ctx, question, set, entities),
    couldAllow: (ctx, question) => couldAllowForChain(ctx, question, set, entities),
    explain: (ctx, question) => explainForChain(ctx, question, set, entities),
    putEntities: (source, list) => entities.put(source, list),
    checkPolicies: (files) => void compileWith(files),
    setPolicies(files) {
      set = compileWith(files)
    },
    revision: () => set.revision,
  }
}

interface Prepared {
  readonly context: { readonly [name: string]: Json }
  readonly entities: Entities
  readonly resource: EntityRef
  readonly action: EntityRef
}

function prepare(ctx: Context, question: Question, index: EntityIndex): Prepared {
  const action = { type: 'Action', id: question.action }
  const facts = factsOf(ctx, question)
  if (question.call === undefined || question.call === 'unknown') {
    return { context: facts, entities: index.with(question.entities), resource: question.resource, action }
  }
  const call = callFactsFor(question.call)
  return {
    context: { ...facts, ...call.facts },
    entities: index.with([...(question.entities ?? []), call.entity]),
    resource: question.resource,
    action,
  }
}

function decideForChain(ctx: Context, question: Question, set: PolicySet, index: EntityIndex): Decision {
  const { context, entities, resource, action } = prepare(ctx, question, index)
  const granted: Reason[] = []
  const refused: Reason[] = []
  const errors: PolicyFault[] = []
  let denied = false
  for (const link of ctx.caller.chain) {
    const principal = entityOf(link)
    const answer = set.engine.decide({ principal, action, resource, context }, entities)
    for (const error of answer.errors) errors.push({ policy: error.policy, principal, message: error.message })
    if (answer.decision === 'allow') {
      for (const policy of answer.reasons) granted.push(reasonOf(set.engine, policy, principal))
    } else {
      denied = true
      for (const policy of answer.reasons) refused.push(reasonOf(set.engine, policy, principal))
    }
  }
  const remedy = denied ? remedyFor(set.engine, refused, errors) : undefined
  return {
    decision: denied ? 'deny' : 'allow',
    reasons: denied ? refused : granted,
    errors,
    revision: set.revision,
    facts: context,
    ...(remedy === undefined ? {} : { remedy }),
  }
}

function couldAllowForChain(ctx: Context, question: Question, set: PolicySet, index: EntityIndex): boolean {
  // Without `arguments` and `origin` in the context, exactly the policies that need them fail to evaluate.
  const { context, entities, resource, action } = prepare(ctx, { ...question, call: 'unknown' }, index)
  return ctx.caller.chain.every((link) => {
    const answer = set.lenient.decide({ principal: entityOf(link), action, resource, context }, entities)
    if (answer.decision === 'allow') return true
    const forbidden = answer.reasons.length > 0
    return !forbidden && answer.errors.some((error) => set.lenient.policy(error.policy)?.effect === 'permit')
  })
}

function explainForChain(ctx: Context, question: Question, set: PolicySet, index: EntityIndex): readonly string[] {
  const { reasons } = decideForChain(ctx, question, set, index)
  const ids = [...new Set(reasons.map(({ policy }) => policy))]
  return ids.flatMap((id) => {
    const policy = set.engine.policy(id)
    if (policy === undefined) return []
    const { source, line } = policy.position
    return [`${source === undefined ? '' : `${source}:`}${line}\n${policy.text}`]
  })
}

function entityOf(link: PrincipalRef): EntityRef {
  return { type: link.kind, id: link.id }
}

function reasonOf(engine: Engine, policy: string, principal: EntityRef): Reason {
  const annotations = engine.policy(policy)?.annotations
  return {
    policy,
    principal,
    ...(annotations?.title === undefined ? {} : { title: annotations.title }),
    ...(annotations?.why === undefined ? {} : { why: annotations.why }),
  }
}

function remedyFor(engine: Engine, refused: readonly Reason[], errors: readonly PolicyFault[]): string | undefined {
  for (const { policy } of refused) {
    const remedy = engine.policy(policy)?.annotations.remedy
    if (remedy !== undefined) return remedy
  }
  if (refused.length === 0 && errors.length === 0) return 'ask an administrator for access'
  return undefined
}
