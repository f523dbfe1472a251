import type { EntityJson } from '../cedar/index.ts'
import type { Json } from '../kernel/index.ts'
import type { Advice } from './advice.ts'
import type { Amounts, Price } from './amounts.ts'

/** A Cedar entity: `type` without quotes, `id` as it is. */
export interface EntityRef {
  readonly type: string
  readonly id: string
}

/** What is asked of the decision point. Who asks comes with the `Context`. */
export interface Question {
  /** `noun:verb`, as in foundation/schema.cedarschema. */
  readonly action: string
  readonly resource: EntityRef
  /** For calls: the arguments and where each of them came from. */
  readonly call?: CallFacts | 'unknown'
  /** Of the arguments as they were sent (see `digestJson`): approvals are bound to it, and records show it. */
  readonly argumentsDigest?: string
  /** What would be done, as far as the rest does not say: approvals are bound to it, and who decides on one reads it. */
  readonly described?: Json
  /** Further facts that the action's context declares. */
  readonly facts?: { readonly [name: string]: Json }
  /** What the action will use, as far as it can be said beforehand; for limits. */
  readonly amounts?: Amounts
  /** What tokens cost here, for budgets of money. */
  readonly price?: Price
  /** What the asker states of the resource: counts for a tenant's own types, which are its application's to know. */
  readonly attributes?: { readonly [name: string]: Json }
  /** The upstream in whose answer it came up, for what is enforced there. */
  readonly through?: string
  /** Only proposed, by a model to its client: the call itself is decided once more, and uses up an approval then. */
  readonly isProposed?: true
  /** Entities that exist for this question only (a tool that no catalogue knows). */
  readonly entities?: readonly EntityJson[]
}

export interface CallFacts {
  /** Leaf values as text, by JSON pointer. */
  readonly arguments: Readonly<Record<string, string>>
  /** JSON pointers by where the value was first seen. */
  readonly origin: Readonly<Record<'user' | 'system' | 'trusted' | 'untrusted' | 'model', readonly string[]>>
}

/** A policy that decided, for which principal of the chain. */
export interface Reason {
  readonly policy: string
  readonly principal: EntityRef
  readonly title?: string
  readonly why?: string
}

/** A policy that could not be evaluated. */
export interface PolicyFault {
  readonly policy: string
  readonly principal: EntityRef
  readonly message: string
}

/** Why a denial is not enforced. Targets of modes, as in `tenant`, `project:churn`, `layer:agent:scout`. */
export interface Observed {
  /** The modes by which it goes on. One of a place is enough; of layers all those that refuse. */
  readonly by: readonly string[]
  /** Where the request stands: projects of the resource, the gate, the upstream. */
  readonly at: readonly string[]
}

export interface Decision {
  readonly decision: 'allow' | 'deny'
  /** On an allow every permit that applied; on a deny every forbid, or nothing when no policy permits. */
  readonly reasons: readonly Reason[]
  readonly errors: readonly PolicyFault[]
  /** Names the exact set of policies and the schema that decided. */
  readonly revision: string
  /** Names what was looked at in memory, where its states are kept; see `keepStates`. */
  readonly state?: number
  /** What would help, on a denial, in words for the caller. */
  readonly remedy?: string
  /** What would help, on a denial, as far as anything would; all of it is needed. */
  readonly advice?: readonly Advice[]
  /** The approval that an allow rests on. INVARIANT: it holds once; `reserve` uses it up before the action begins. */
  readonly approval?: string
  /** On a denial that refuses nothing: what is denied here is only observed. */
  readonly observed?: Observed
  /** On a denial of what the policies permit: only this limit stands in the way, or a missing approval. */
  readonly withheld?: 'limit' | 'approval'
  /** Policies, mandate, lists and limits said otherwise: what asked them knows better. */
  readonly overruled?: true
  /** The facts that were decided on. */
  readonly facts: { readonly [name: string]: Json }
}
