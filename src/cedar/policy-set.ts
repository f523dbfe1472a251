import { type CompiledPolicy, compilePolicy } from './compile-policy.ts'
import { CedarError } from './errors.ts'
import { parseSteps } from './parse-policies.ts'
import { PersistentMap } from './persistent-map.ts'
import type { Policy, PolicySource, Template, TemplateLink } from './policy.ts'
import { ShapeCache } from './policy-shape.ts'
import { SharedTests } from './shared-tests.ts'
import type { Steps } from './steps.ts'

/** Policies and templates by id. Immutable; a changed set shares what did not change. */
export interface PolicySet {
  readonly policies: PersistentMap<string, CompiledPolicy>
  readonly templates: PersistentMap<string, Template>
  /** The number that the next policy without an id gets. */
  readonly nextNumber: number
  readonly nextOrder: number
  /** Shapes that were parsed already. They only save time, so all that is made of a set may share them. */
  readonly shapes: ShapeCache | undefined
}

export interface PolicyChange {
  /** Policies whose ids are new. */
  readonly add?: string | readonly PolicySource[]
  /** Policies that take the place of those with the same ids. What was made from a template is made anew. */
  readonly replace?: string | readonly PolicySource[]
  /** Ids of policies or of templates; the policies made from a template go with it. */
  readonly remove?: readonly string[]
  readonly links?: readonly TemplateLink[]
}

/** What a change did, policy by policy. */
export interface PolicyDifference {
  readonly set: PolicySet
  readonly added: readonly CompiledPolicy[]
  readonly addedTemplates: readonly Template[]
  readonly removed: readonly CompiledPolicy[]
  /** Of those that were added. */
  readonly shared: SharedTests
}

export const EMPTY_POLICY_SET: PolicySet = {
  policies: PersistentMap.of(new Map()),
  templates: PersistentMap.of(new Map()),
  nextNumber: 0,
  nextOrder: 0,
  shapes: undefined,
}

/** Applies a change: first what is removed, then what is replaced, added and linked. Throws `policies_invalid`. */
export function* changePolicies(before: PolicySet, change: PolicyChange): Steps<PolicyDifference> {
  const draft = new Draft(before)
  for (const id of change.remove ?? []) draft.remove(id)
  if (change.replace !== undefined) yield* draft.put(change.replace, 'replace')
  if (change.add !== undefined) yield* draft.put(change.add, 'add')
  for (const link of change.links ?? []) {
    draft.link(link)
    yield
  }
  return draft.finish()
}

class Draft {
  readonly #before: PolicySet
  /** By id: what is there now; `undefined` where a policy is gone. */
  readonly #policies = new Map<string, CompiledPolicy | undefined>()
  readonly #templates = new Map<string, Template | undefined>()
  readonly #shared = new SharedTests()
  readonly #shapes: ShapeCache
  #nextNumber: number
  #nextOrder: number

  constructor(before: PolicySet) {
    this.#before = before
    this.#shapes = before.shapes ?? new ShapeCache()
    this.#nextNumber = before.nextNumber
    this.#nextOrder = before.nextOrder
  }

  remove(id: string): void {
    if (this.#policy(id) !== undefined) this.#policies.set(id, undefined)
    else if (this.#template(id) !== undefined) this.#removeTemplate(id)
    else throw unknown(id)
  }

  *put(sources: string | readonly PolicySource[], how: 'add' | 'replace'): Steps<void> {
    const { policies, templates, count } = yield* parseSteps(sources, this.#nextNumber, this.#shapes)
    this.#nextNumber += count
    for (const template of templates) {
      const { id } = template.info
      const links = how === 'replace' ? this.#linksOf(id) : []
      if (how === 'replace') this.remove(id)
      this.#checkNew(id)
      this.#templates.set(id, template)
      for (const link of links) this.link(link)
    }
    for (const policy of policies) {
      this.#putPolicy(policy, how)
      yield
    }
  }

  link(link: TemplateLink): void {
    const template = this.#template(link.templateId)
    if (template === undefined) throw unknown(link.templateId)
    this.#putPolicy(template.link(link), 'add')
  }

  finish(): PolicyDifference {
    const { policies, templates } = this.#before
    const added = [...this.#policies.values()].filter((policy) => policy !== undefined)
    const removed = [...this.#policies.keys()].map((id) => policies.get(id)).filter((policy) => policy !== undefined)
    return {
      set: {
        policies: merge(policies, this.#policies),
        templates: merge(templates, this.#templates),
        nextNumber: this.#nextNumber,
        nextOrder: this.#nextOrder,
        shapes: this.#shapes,
      },
      added,
      addedTemplates: [...this.#templates.values()].filter((template) => template !== undefined),
      removed,
      shared: this.#shared,
    }
  }

  #putPolicy(policy: Policy, how: 'add' | 'replace'): void {
    const existing = this.#policy(policy.id)
    if (how === 'replace' && existing === undefined) throw unknown(policy.id)
    if (how === 'add') this.#checkNew(policy.id)
    this.#policies.set(policy.id, compilePolicy(policy, existing?.order ?? this.#nextOrder++, this.#shared))
  }

  #removeTemplate(id: string): void {
    for (const { newId } of this.#linksOf(id)) this.#policies.set(newId, undefined)
    this.#templates.set(id, undefined)
  }

  #linksOf(templateId: string): readonly TemplateLink[] {
    const ids = new Set([...this.#policies.keys(), ...[...this.#before.policies].map(([id]) => id)])
    return [...ids].flatMap((id) => {
      const link = this.#policy(id)?.policy.link
      return link?.templateId === templateId ? [link] : []
    })
  }

  #checkNew(id: string): void {
    if (this.#policy(id) !== undefined || this.#template(id) !== undefined) {
      throw new CedarError('policies_invalid', `there are two policies with the id \`${id}\``)
    }
  }

  #policy(id: string): CompiledPolicy | undefined {
    return this.#policies.has(id) ? this.#policies.get(id) : this.#before.policies.get(id)
  }

  #template(id: string): Template | undefined {
    return this.#templates.has(id) ? this.#templates.get(id) : this.#before.templates.get(id)
  }
}

function merge<V>(
  map: PersistentMap<string, V>,
  changes: ReadonlyMap<string, V | undefined>,
): PersistentMap<string, V> {
  if (map.size === 0) {
    const fresh = new Map<string, V>()
    for (const [key, value] of changes) if (value !== undefined) fresh.set(key, value)
    return PersistentMap.of(fresh)
  }
  let merged = map
  for (const [key, value] of changes) merged = merged.with(key, value)
  return merged
}

function unknown(id: string): CedarError {
  return new CedarError('policies_invalid', `there is no policy with the id \`${id}\``)
}
