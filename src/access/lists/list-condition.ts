import { allOf, anyOf, type FilterCondition, not, resourceIn, type Uid } from '../../cedar/index.ts'
import { LISTS_THEMSELVES, type ListBook, type ListedRequest, listBook, MODEL_TYPES } from './list-book.ts'
import { DIMENSIONS, type Dimension, isAlive, type ListEntry, resourceNamed } from './list-entry.ts'

/** A request of which only the type of the resource is known. */
export type ListedQuestion = Omit<ListedRequest, 'resource'> & { readonly resourceType: string }

/** What a resource has to be like for no list to refuse it. INVARIANT: it is met exactly where `refusals` is empty. */
export function listCondition(asked: ListedQuestion, lists: ListBook, now: number): FilterCondition {
  if (lists.size === 0) return ALWAYS
  const groups = new Map<string, ListEntry[]>()
  for (const entry of lists.entries()) {
    const key = JSON.stringify([entry.list, entry.scope.project ?? null, entry.scope.actions ?? null])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [entry])
    else group.push(entry)
  }
  return allOf([...groups.values()].map((entries) => not(refusedBy(entries, asked, now))))
}

function refusedBy(entries: readonly ListEntry[], asked: ListedQuestion, now: number): FilterCondition {
  const [first] = entries
  if (first === undefined) return NEVER
  const { list, scope } = first
  if (scope.actions !== undefined && !isIn(asked.action, scope.actions, asked)) return NEVER
  const within = scope.project === undefined ? ALWAYS : resourceIn([{ type: 'Project', id: scope.project }])
  const alive = entries.filter((entry) => isAlive(entry, now))
  if (list === 'deny') return allOf([within, anyOf(alive.map((entry) => isMeant(entry, asked)))])
  if (LISTS_THEMSELVES.has(asked.action.id)) return NEVER
  const absent = DIMENSION_NAMES.filter(
    (dimension) => entries.some((entry) => DIMENSIONS[entry.target.kind] === dimension) && concerns(dimension, asked),
  ).map((dimension) => {
    const allowing = alive.filter((entry) => DIMENSIONS[entry.target.kind] === dimension)
    if (dimension !== 'principal') return not(anyOf(allowing.map((entry) => isMeant(entry, asked))))
    const isListed = asked.chain.every((link) =>
      allowing.some((entry) => isMeant(entry, { ...asked, chain: [link] }).kind === 'always'),
    )
    return isListed ? NEVER : ALWAYS
  })
  return allOf([within, anyOf(absent)])
}

/** Whether an entry speaks of the request. */
function isMeant(entry: ListEntry, asked: ListedQuestion): FilterCondition {
  const { kind, value } = entry.target
  switch (kind) {
    case 'resource':
      return resourceIn([resourceNamed(value)])
    case 'model':
      return resourceIn([{ type: 'Model', id: value }])
    case 'tool':
      return resourceIn([{ type: value.includes('/') ? 'Tool' : 'ToolServer', id: value }])
    default: {
      // What is no matter of the resource is asked of the lists themselves.
      const alone = listBook()
      alone.put([{ ...entry, list: 'deny', scope: {}, until: undefined }])
      const request = { ...asked, resource: { type: asked.resourceType, id: '' } }
      return alone.refusals(request, 0).length > 0 ? ALWAYS : NEVER
    }
  }
}

function concerns(dimension: Dimension, asked: ListedQuestion): boolean {
  switch (dimension) {
    case 'resource':
      return !isIn(asked.action, 'admin', asked)
    case 'tool':
      return asked.resourceType === 'Tool'
    case 'model':
      return MODEL_TYPES.has(asked.resourceType)
    default:
      return true
  }
}

function isIn(action: Uid, id: string, { entities }: ListedQuestion): boolean {
  if (action.id === id) return true
  const node = entities.find(action)
  return node !== undefined && entities.lineage(node).has({ type: 'Action', id })
}

const ALWAYS: FilterCondition = { kind: 'always' }
const NEVER: FilterCondition = { kind: 'never' }
const DIMENSION_NAMES: readonly Dimension[] = [...new Set(Object.values(DIMENSIONS))]
