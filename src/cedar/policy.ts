import type { Condition, Scope } from './expression.ts'
import type { SourcePosition } from './source-position.ts'
import type { Uid } from './uid.ts'

/** A text with policies, and the name under which problems speak of it (a file, say). */
export interface PolicySource {
  readonly name?: string
  readonly text: string
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
  /** For a policy that was made from a template. */
  readonly link?: TemplateLink
}

/** A policy as the engine works with it. */
export interface Policy extends PolicyInfo {
  readonly scope: Scope
  readonly conditions: readonly Condition[]
}

/** A policy with slots. It decides nothing until it is linked. */
export interface Template {
  readonly info: PolicyInfo
  /** The policy that comes of filling the slots. Throws `policies_invalid` where a value is missing or too much. */
  readonly link: (link: TemplateLink) => Policy
}
