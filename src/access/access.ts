import type { EntityJson } from '../cedar/index.ts'
import type { Context } from '../kernel/index.ts'
import { couldAllowForChain, decideForChain } from './decide-chain.ts'
import { entityIndex } from './entity-index.ts'
import { explainForChain } from './explain.ts'
import type { PolicyFile } from './layers.ts'
import { compilePolicySet, type PolicySet } from './policy-set.ts'
import type { Decision, Question } from './question.ts'

/** The decision point of one tenant. Everything it decides on is in memory: `decide` does no I/O. */
export interface Access {
  /** Decides for every principal of the chain, and for the mandate; where one is denied, all are. */
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
  /** Replaces the policies below the foundation; its own stay. Throws `policies_invalid`, changing nothing. */
  setPolicies(files: readonly PolicyFile[]): void
  revision(): string
}

/** What ships with the product: it forbids, and may set ceilings, but grants nothing. */
export interface Foundation {
  readonly schema: string
  readonly policies: readonly PolicyFile[]
}

/** Throws `policies_invalid`. */
export function openAccess(foundation: Foundation): Access {
  const own = foundation.policies.map((file): PolicyFile => ({ ...file, layer: { kind: 'foundation' } }))
  const compileWith = (files: readonly PolicyFile[]): PolicySet =>
    compilePolicySet(foundation.schema, [...own, ...files])
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
