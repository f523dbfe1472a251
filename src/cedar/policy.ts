import type { Condition, Constraint, Scope } from './expression.ts'
import type { SourcePosition } from './source-position.ts'
import type { Uid } from './uid.ts'

/** A text with policies, and the name under which problems speak of it (a file, say). */
export interface PolicySource {
  readonly name?: string
  readonly text: string
  /** Where its policies apply at all, whatever they say themselves. */
  readonly only?: Only
}

/** Entities that the principal or the resource has to be, or to be in. */
export interface Only {
  readonly principal?: Uid
  readonly resource?: Uid
}

/** Makes a policy out of a template. Keys of `values` are `?principal` and `?resource`. */
export interface TemplateLink {
  readonly templateId: string
  readonly newId: string
  readonly values: Readonly<Record<string, Uid>>
}

/** What can be read about a policy of an engine. */
export interface PolicyInfo {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  /** `@title("…")` is `annotations.title`. An annotation without a value has an empty one. */
  readonly annotations: Readonly<Record<string, string>>
  readonly position: SourcePosition
  /** The policy as it was written; of a linked policy, the template. */
  readonly text: string
  /** The actions that its head names, and groups of them; absent where it names none. */
  readonly actions?: readonly Uid[]
  /** As its source says. */
  readonly only?: Only
  /** For a policy that was made from a template. */
  readonly link?: TemplateLink
}

/** A policy as the engine works with it. */
export interface Policy extends PolicyInfo {
  readonly scope: Scope
  /** What `only` demands, as constraints; looked at before the scope. */
  readonly bounds: readonly Bound[]
  readonly conditions: readonly Condition[]
}

export interface Bound {
  readonly of: 'principal' | 'resource'
  readonly constraint: Constraint
}

/** A policy with slots. It decides nothing until it is linked. */
export interface Template {
  readonly info: PolicyInfo
  readonly action: Constraint
  readonly conditions: readonly Condition[]
  /** The policy that comes of filling the slots. Throws `policies_invalid` where a value is missing or too much. */
  readonly link: (link: TemplateLink) => Policy
}
