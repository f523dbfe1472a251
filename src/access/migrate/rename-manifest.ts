import { partUnknown, type Renames, type TextEdit, typeAfter, typesAfter } from '../../cedar/index.ts'
import { parseResourceRef } from '../../identity/index.ts'
import {
  editYaml,
  entriesIn,
  fieldOf,
  itemsOf,
  type YamlEdits,
  type YamlPart,
  type YamlText,
  type YamlValue,
} from './yaml-edits.ts'

export interface YamlRewrite {
  readonly edits: readonly TextEdit[]
  readonly problems: readonly string[]
}

/** Changes names in a manifest: who has which roles, resources with their attributes, lists. */
export function renameInManifest(
  source: { readonly name: string; readonly text: string },
  renames: Renames,
): YamlRewrite {
  const yaml = editYaml(source.text, source.name)
  const { root } = yaml
  for (const entry of entriesIn(fieldOf(root, 'roles'))) {
    renameRole(entry.key, entry, renames, yaml)
  }
  for (const section of ['users', 'services', 'agents', 'groups', 'agentTypes']) {
    for (const { value } of entriesIn(fieldOf(root, section))) {
      for (const item of itemsOf(fieldOf(value, 'roles'))) {
        if (item.kind === 'text') renameRole(item, item, renames, yaml)
        const role = fieldOf(item, 'role')
        // What a copy says of the resource has to be changed before it is copied, and cannot be twice.
        const on = fieldOf(item, 'on')
        const isSplit = role?.kind === 'text' && (renames.roles.get(role.value)?.length ?? 0) > 1
        if (role?.kind === 'text') renameRole(role, item, renames, yaml)
        if (!isSplit) renameRef(on, renames, yaml)
        else if (isRenamedRef(on, renames))
          yaml.complain(item, `the role is split and its \`on\` renamed: do one after the other`)
      }
    }
  }
  for (const { key, value } of entriesIn(fieldOf(root, 'resources'))) renameEntity(key, value, renames, yaml)
  for (const item of itemsOf(fieldOf(root, 'lists'))) {
    for (const name of ['deny', 'allow']) {
      const target = fieldOf(item, name)
      if (target?.kind === 'text') renameTarget(target, renames, yaml)
    }
    const actions = fieldOf(item, 'actions')
    if (actions?.kind === 'text') renameAction(actions, item, renames, yaml)
  }
  for (const item of itemsOf(fieldOf(root, 'packs'))) renameValues(fieldOf(item, 'with'), renames, yaml)
  return { edits: yaml.edits, problems: yaml.problems }
}

/** Changes names in what a pack says of its parameters. */
export function renameInPack(source: { readonly name: string; readonly text: string }, renames: Renames): YamlRewrite {
  const yaml = editYaml(source.text, source.name)
  for (const { value } of entriesIn(fieldOf(yaml.root, 'parameters'))) {
    const of = fieldOf(value, 'of')
    for (const type of of?.kind === 'list' ? of.items : [of]) {
      if (type?.kind !== 'text') continue
      const [to = type.value, ...more] = typesAfter(type.value, renames)
      if (more.length === 0) {
        if (to !== type.value) yaml.replace(type, to)
      } else if (of?.kind === 'list') yaml.multiply(type, type, [to, ...more])
      else yaml.replace(type, `[${[to, ...more].join(', ')}]`)
    }
    for (const name of ['default', 'among']) renameValues(fieldOf(value, name), renames, yaml)
  }
  return { edits: yaml.edits, problems: yaml.problems }
}

/** Values of which nobody says here what they are: those that are a name, or a reference, are renamed. */
export function renameValues(value: YamlValue | undefined, renames: Renames, yaml: YamlEdits): void {
  const visit = (one: YamlValue | undefined, item: YamlPart | undefined): void => {
    if (one?.kind === 'text') {
      if (renames.actions.has(one.value)) renameAction(one, item ?? one, renames, yaml)
      else renameRef(one, renames, yaml)
    }
    for (const inner of itemsOf(one)) visit(inner, inner)
    for (const entry of entriesIn(one)) visit(entry.value, undefined)
  }
  visit(value, undefined)
}

/** An entity by its name, with `in` and `attributes`. */
export function renameEntity(key: YamlText, value: YamlValue | undefined, renames: Renames, yaml: YamlEdits): void {
  const type = renameRef(key, renames, yaml)
  for (const parent of itemsOf(fieldOf(value, 'in'))) renameRef(parent, renames, yaml)
  renameKeys(fieldOf(value, 'attributes'), type === undefined ? undefined : renames.attributes.get(type), yaml)
  renameRefsWithin(fieldOf(value, 'attributes'), renames, yaml)
}

/** Names of attributes. */
export function renameKeys(
  value: YamlValue | undefined,
  names: ReadonlyMap<string, string> | undefined,
  yaml: YamlEdits,
): void {
  if (names === undefined) return
  for (const { key } of entriesIn(value)) {
    const to = names.get(key.value)
    if (to !== undefined) yaml.replace(key, to)
  }
}

/** `{ type: Shop::Order, id: o1 }`, wherever it stands. */
export function renameRefsWithin(value: YamlValue | undefined, renames: Renames, yaml: YamlEdits): void {
  const [type, id] = [fieldOf(value, 'type'), fieldOf(value, 'id')]
  if (type?.kind === 'text' && id?.kind === 'text' && entriesIn(value).length === 2) {
    const to = typeOf({ type: type.value, id: id.value }, type, renames, yaml)
    if (to !== undefined) yaml.replace(type, to)
    return
  }
  for (const item of itemsOf(value)) renameRefsWithin(item, renames, yaml)
  for (const entry of entriesIn(value)) renameRefsWithin(entry.value, renames, yaml)
}

/** A reference as `Type::id`; gives its type as it was. */
export function renameRef(value: YamlValue | undefined, renames: Renames, yaml: YamlEdits): string | undefined {
  if (value?.kind !== 'text') return undefined
  const ref = parseResourceRef(value.value)
  if (ref?.type === 'Role') renameRoleRef(value, ref.id, renames, yaml)
  const to = ref === undefined ? undefined : typeOf(ref, value, renames, yaml)
  if (ref !== undefined && to !== undefined) yaml.replaceStart(value, `${ref.type}::`, `${to}::`)
  return ref?.type
}

/** The type that the entity has from now on, where it is another one. */
function typeOf(
  ref: { readonly type: string; readonly id: string },
  part: YamlPart,
  renames: Renames,
  yaml: YamlEdits,
): string | undefined {
  const to = typeAfter(ref, renames)
  if (to === undefined) yaml.complain(part, partUnknown(ref))
  return to === ref.type ? undefined : to
}

function renameRoleRef(value: YamlText, id: string, renames: Renames, yaml: YamlEdits): void {
  const parts = renames.roles.get(id)
  const [only, ...more] = parts ?? []
  if (only === undefined) return
  if (more.length === 0) yaml.replaceAll(value, id, only.id)
  else
    yaml.multiply(
      value,
      value,
      (parts ?? []).map((part) => value.value.replace(id, part.id)),
    )
}

function isRenamedRef(value: YamlValue | undefined, renames: Renames): boolean {
  const ref = value?.kind === 'text' ? parseResourceRef(value.value) : undefined
  return ref !== undefined && typeAfter(ref, renames) !== ref.type
}

function renameRole(name: YamlText, item: YamlPart, renames: Renames, yaml: YamlEdits): void {
  replaceOrMultiply(name, item, renames.roles.get(name.value), yaml)
}

/** An action that stands for itself in `item`, which is said once for each part of a split. */
export function renameAction(name: YamlText, item: YamlPart, renames: Renames, yaml: YamlEdits): void {
  replaceOrMultiply(name, item, renames.actions.get(name.value), yaml)
}

function replaceOrMultiply(
  name: YamlText,
  item: YamlPart,
  parts: readonly { readonly id: string }[] | undefined,
  yaml: YamlEdits,
): void {
  const [only, ...more] = parts ?? []
  if (parts === undefined || only === undefined) return
  if (more.length === 0) yaml.replace(name, only.id)
  else
    yaml.multiply(
      item,
      name,
      parts.map(({ id }) => id),
    )
}

/** `resource:Shop::Order::"o1"` */
function renameTarget(target: YamlText, renames: Renames, yaml: YamlEdits): void {
  const [, space = '', ref = ''] = /^resource:(\s*)(.*)$/s.exec(target.value) ?? []
  const entity = parseResourceRef(ref.trim())
  const to = entity === undefined ? undefined : typeOf(entity, target, renames, yaml)
  if (to !== undefined) yaml.replaceStart(target, `resource:${space}${entity?.type}::`, `resource:${space}${to}::`)
}
