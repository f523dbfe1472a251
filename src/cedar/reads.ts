import type { Condition, Constraint, Expression } from './expression.ts'
import type { Uid } from './uid.ts'

/** What one policy or template can look at of a request, whatever the request is. */
export interface PolicyReads {
  readonly id: string
  /** The actions that its head names, and groups of them; `undefined` where it names none. */
  readonly actions: readonly Uid[] | undefined
  /** Paths into the context (`['authentication', 'age']`); `undefined` where it looks at the context as a whole. */
  readonly context: readonly (readonly string[])[] | undefined
  /** Paths of which it only asks whether they are there. */
  readonly presence: readonly (readonly string[])[]
  /** Keys of tags, but for those of principal, action and resource; `undefined` where a key is computed. */
  readonly tags: ReadonlySet<string> | undefined
}

/** Found in the text of the conditions: what is looked at on some way through them counts. */
export function readsOf(id: string, action: Constraint, conditions: readonly Condition[]): PolicyReads {
  const found = readsIn(conditions)
  return { id, actions: actionsIn(action), ...found }
}

type Found = Pick<PolicyReads, 'context' | 'presence' | 'tags'>

// Policies of one shape, and links of one template, share their conditions.
const known = new WeakMap<readonly Condition[], Found>()

function readsIn(conditions: readonly Condition[]): Found {
  const before = known.get(conditions)
  if (before !== undefined) return before
  const draft: Draft = { context: new Map(), presence: new Map(), tags: new Set(), isWhole: false, isComputed: false }
  for (const { body } of conditions) visit(body, draft)
  const found = {
    context: draft.isWhole ? undefined : [...draft.context.values()],
    presence: [...draft.presence.values()],
    tags: draft.isComputed ? undefined : draft.tags,
  }
  known.set(conditions, found)
  return found
}

function actionsIn(action: Constraint): readonly Uid[] | undefined {
  if (action.kind === 'equal') return [action.uid]
  return action.kind === 'in' ? action.uids : undefined
}

interface Draft {
  readonly context: Map<string, readonly string[]>
  readonly presence: Map<string, readonly string[]>
  readonly tags: Set<string>
  isWhole: boolean
  isComputed: boolean
}

function visit(expression: Expression, draft: Draft): void {
  const path = pathIn(expression)
  if (path !== undefined) {
    if (path.length === 0) draft.isWhole = true
    else (expression.kind === 'has' ? draft.presence : draft.context).set(JSON.stringify(path), path)
    return
  }
  if (expression.kind === 'getTag' || expression.kind === 'hasTag') visitTag(expression, draft)
  for (const part of partsOf(expression)) visit(part, draft)
}

function visitTag({ of, tag }: Expression & { readonly kind: 'getTag' | 'hasTag' }, draft: Draft): void {
  if (of.kind === 'variable') return
  if (tag.kind === 'literal' && typeof tag.value === 'string') draft.tags.add(tag.value)
  else draft.isComputed = true
}

/** `context.a.b` and `context.a has b`; `[]` for the context as a whole, `undefined` for anything else. */
function pathIn(expression: Expression): readonly string[] | undefined {
  if (expression.kind === 'variable') return expression.name === 'context' ? [] : undefined
  if (expression.kind === 'attribute') {
    const path = pathIn(expression.of)
    return path === undefined ? undefined : [...path, expression.name]
  }
  if (expression.kind === 'has') {
    const path = pathIn(expression.of)
    return path === undefined ? undefined : [...path, ...expression.path]
  }
  return undefined
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'variable':
      return []
    case 'and':
    case 'or':
      return expression.operands
    case 'not':
    case 'negate':
    case 'attribute':
    case 'has':
    case 'like':
      return [expression.of]
    case 'if':
      return [expression.condition, expression.whenTrue, expression.whenFalse]
    case 'compare':
    case 'arithmetic':
    case 'in':
      return [expression.left, expression.right]
    case 'is':
      return expression.within === undefined ? [expression.of] : [expression.of, expression.within]
    case 'getTag':
    case 'hasTag':
      return [expression.of, expression.tag]
    case 'set':
      return expression.elements
    case 'record':
      return expression.fields.map(([, field]) => field)
    case 'call':
      return expression.parameters
  }
}
