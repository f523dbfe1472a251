import { type ActionPart, localName, type Renames, typesAfter } from './renames.ts'
import { type OutlinedAction, outlineSchema, type PlacedName, type SchemaOutline } from './schema-outline.ts'
import { positionsIn, type SourcePosition } from './source-position.ts'
import { applyEdits, type TextEdit } from './text-edit.ts'

/** What has to change in a text, and what cannot be changed. */
export interface Rewrite {
  readonly edits: readonly TextEdit[]
  readonly problems: readonly RewriteProblem[]
}

export interface RewriteProblem {
  readonly position: SourcePosition
  readonly message: string
}

/** Changes names in a text of the schema language; comments and layout stay. */
export function renameInSchema(text: string, source: string, renames: Renames): Rewrite {
  const outline = outlineSchema(text)
  const at = positionsIn(text, source)
  const problems: RewriteProblem[] = []
  const complain = (offset: number, message: string): void => {
    problems.push({ position: at.at(offset), message })
  }
  const edits: TextEdit[] = [
    ...typeEdits(text, outline, renames, complain),
    ...actionEdits(outline, renames, complain),
    ...outline.entities.flatMap(({ names, fields }) => fieldEdits(names, fields, renames.attributes, complain)),
    ...outline.commonTypes.flatMap(({ name, fields }) => fieldEdits([name], fields, renames.attributes, complain)),
    ...outline.actions.flatMap(({ ids, fields }) => fieldEdits(ids, fields, renames.facts, complain)),
  ]
  return { edits: outline.actions.reduce((all, action) => withSplit(text, action, renames, all), edits), problems }
}

type Complain = (offset: number, message: string) => void

function typeEdits(
  text: string,
  { typeNames }: SchemaOutline,
  renames: Renames,
  complain: Complain,
): readonly TextEdit[] {
  return typeNames.flatMap(({ name, place, start, end }) => {
    const after = typesAfter(name, renames)
    if (after.length === 1 && after[0] === name) return []
    if (after.length > 1 && place === 'value') {
      complain(
        start,
        `\`${name}\` is split, and what has a value of it can have one type only: split what has it, or move it away first`,
      )
      return []
    }
    const isQualified = text.slice(start, end).includes('::')
    // Those that are declared together have the same shape.
    const list = after.map((to) => (isQualified ? to : localName(to))).join(', ')
    return [{ start, end, by: after.length > 1 && place === 'alone' ? `[${list}]` : list }]
  })
}

function actionEdits({ actionNames, actions }: SchemaOutline, renames: Renames, complain: Complain): TextEdit[] {
  const declared = new Set(actions.flatMap(({ idPlaces }) => idPlaces.map(({ start }) => start)))
  return actionNames.flatMap(({ name, start, end }) => {
    const parts = renames.actions.get(name)
    const [only, ...more] = parts ?? []
    if (only === undefined) return []
    if (more.length === 0) return [{ start, end, by: JSON.stringify(localName(only.id)) }]
    if (!declared.has(start)) complain(start, `\`${name}\` has other actions in it, and a group cannot be split`)
    return []
  })
}

function fieldEdits(
  owners: readonly string[],
  fields: readonly PlacedName[],
  renames: ReadonlyMap<string, ReadonlyMap<string, string>>,
  complain: Complain,
): TextEdit[] {
  return fields.flatMap(({ name, start, end }) => {
    const wanted = new Set(owners.map((owner) => renames.get(owner)?.get(name)))
    const [to, ...more] = wanted
    if (more.length > 0) {
      const all = owners.map((owner) => `\`${owner}\``).join(', ')
      complain(start, `\`${name}\` belongs to ${all}, which are declared together: rename it in all of them`)
      return []
    }
    return to === undefined ? [] : [{ start, end, by: fieldText(to) }]
  })
}

export function fieldText(name: string): string {
  return /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) ? name : JSON.stringify(name)
}

/** A declaration whose action is split becomes several, each with what it says. */
function withSplit(text: string, action: OutlinedAction, renames: Renames, edits: readonly TextEdit[]): TextEdit[] {
  const { declaration, idPlaces } = action
  if (action.ids.every((id) => (renames.actions.get(id)?.length ?? 0) < 2)) return [...edits]
  const isInside = ({ start, end }: TextEdit): boolean => start >= declaration.start && end <= declaration.end
  const inside = edits.filter(isInside)
  const [first, last] = [idPlaces[0], idPlaces.at(-1)]
  if (first === undefined || last === undefined) return [...edits]
  const own = text.slice(declaration.start, declaration.end)
  const copy = (names: readonly string[], part?: ActionPart): string => {
    const here = inside.filter(({ start }) => start < first.start || start >= last.end)
    const resources = part?.on === undefined ? undefined : resourcesEdit(part.on, action, renames)
    const kept = resources === undefined ? here : here.filter((edit) => !covers(resources, edit))
    const all = [
      ...kept,
      { start: first.start, end: last.end, by: names.map((name) => JSON.stringify(localName(name))).join(', ') },
      ...(resources === undefined ? [] : [resources]),
    ]
    const shifted = all.map(({ start, end, by }) => ({
      start: start - declaration.start,
      end: end - declaration.start,
      by,
    }))
    return applyEdits(own, shifted)
  }
  // Those that are split by a condition, or not at all, stay together.
  const together = action.ids.flatMap((id): readonly string[] => {
    const parts = renames.actions.get(id)
    return parts === undefined ? [id] : parts.filter(({ on }) => on === undefined).map((part) => part.id)
  })
  const apart = action.ids.flatMap((id) => (renames.actions.get(id) ?? []).filter(({ on }) => on !== undefined))
  const copies = [...(together.length === 0 ? [] : [copy(together)]), ...apart.map((part) => copy([part.id], part))]
  const indent = /[ \t]*$/.exec(text.slice(0, declaration.start))?.[0] ?? ''
  return [...edits.filter((edit) => !isInside(edit)), { ...declaration, by: copies.join(`\n${indent}`) }]
}

function resourcesEdit(on: readonly string[], action: OutlinedAction, renames: Renames): TextEdit | undefined {
  const { resources, namespace } = action
  if (resources === undefined) return undefined
  const names = on.flatMap((type) => typesAfter(type, renames))
  const written = names.map((name) => (name === `${namespace}::${localName(name)}` ? localName(name) : name))
  return { ...resources, by: `[${written.join(', ')}]` }
}

function covers(outer: TextEdit, { start, end }: TextEdit): boolean {
  return start >= outer.start && end <= outer.end
}
