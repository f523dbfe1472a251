import { type Renames, typeAfter } from '../../cedar/index.ts'
import {
  renameAction,
  renameEntity,
  renameKeys,
  renameRef,
  renameRefsWithin,
  renameValues,
  type YamlRewrite,
} from './rename-manifest.ts'
import { editYaml, entriesIn, fieldOf, itemsOf, type YamlEdits, type YamlText, type YamlValue } from './yaml-edits.ts'

/** The action of a case before and afterwards; of one that is split, it depends on what the case asks. */
export interface CaseAction {
  readonly before: string
  readonly after: string
}

/** Changes names in a file of test cases; `cases` in the order in which they are read. */
export function renameInCases(
  source: { readonly name: string; readonly text: string },
  renames: Renames,
  cases: readonly CaseAction[],
): YamlRewrite {
  const yaml = editYaml(source.text, source.name)
  const { root } = yaml
  const defaults = fieldOf(root, 'defaults')
  for (const { key, value } of entriesIn(fieldOf(root, 'entities'))) renameEntity(key, value, renames, yaml)
  // What comes out is compared afterwards.
  renameValues(fieldOf(root, 'variables'), renames, yaml)
  if (defaults !== undefined) renameFields(defaults, renames, yaml)
  const actions = new Map<YamlText, Set<string>>()
  const facts = new Map<YamlText, Set<string>>()
  let count = 0
  for (const one of itemsOf(fieldOf(root, 'cases'))) {
    renameFields(one, renames, yaml)
    const each = fieldOf(one, 'each')
    const rows = each?.kind === 'list' ? each.items : [undefined]
    for (const row of rows) {
      if (row !== undefined) renameFields(row, renames, yaml)
      const levels = [row, one, defaults]
      const action = levels.map((level) => fieldOf(level, 'action')).find((value) => value !== undefined)
      const read = cases[count++]
      if (action?.kind !== 'text' || read === undefined) continue
      want(actions, action, read.after)
      for (const { key } of levels.flatMap((level) => entriesIn(fieldOf(level, 'facts')))) {
        want(facts, key, renames.facts.get(read.before)?.get(key.value) ?? key.value)
      }
    }
  }
  const written = fieldOf(defaults, 'action')
  if (written?.kind === 'text' && !actions.has(written)) actions.set(written, new Set())
  for (const [action, wanted] of actions) replaceAction(action, [...wanted], renames, yaml)
  for (const [key, wanted] of facts) {
    const [to, ...more] = wanted
    if (more.length > 0)
      yaml.complain(key, `the cases that this is said for call it ${quoted([...wanted])}: say it in each`)
    else if (to !== undefined && to !== key.value) yaml.replace(key, to)
  }
  return { edits: yaml.edits, problems: yaml.problems }
}

function want(names: Map<YamlText, Set<string>>, at: YamlText, name: string): void {
  const known = names.get(at)
  if (known === undefined) names.set(at, new Set([name]))
  else known.add(name)
}

function replaceAction(action: YamlText, wanted: readonly string[], renames: Renames, yaml: YamlEdits): void {
  if (/^\$\{\w+\}$/.test(action.value)) {
    // The variable stands for one action; it has been renamed where it is given its value.
    if (wanted.length > 1) yaml.complain(action, `\`${action.value}\` would have to stand for ${quoted(wanted)}`)
    return
  }
  const parts = renames.actions.get(action.value)
  if (parts === undefined) return
  const [to = parts[0]?.id ?? action.value, ...more] = wanted
  if (more.length === 0) yaml.replace(action, to)
  else
    yaml.complain(
      action,
      `the cases that this is said for become ${quoted(wanted)}: say the action in each of them first`,
    )
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(' and ')
}

/** Of a case, of a row, or of what all cases take. */
function renameFields(fields: YamlValue, renames: Renames, yaml: YamlEdits): void {
  renameRef(fieldOf(fields, 'resource'), renames, yaml)
  for (const { key, value } of entriesIn(fieldOf(fields, 'given'))) {
    const type = renameRef(key, renames, yaml)
    renameKeys(value, type === undefined ? undefined : renames.attributes.get(type), yaml)
    renameRefsWithin(value, renames, yaml)
  }
  const mandate = fieldOf(fields, 'mandate')
  for (const resource of itemsOf(fieldOf(mandate, 'resources'))) renameRef(resource, renames, yaml)
  for (const action of itemsOf(fieldOf(mandate, 'actions'))) {
    if (action.kind === 'text') renameAction(action, action, renames, yaml)
  }
  for (const reason of itemsOf(fieldOf(fieldOf(fields, 'expect'), 'reasons'))) {
    if (reason.kind === 'text') renameReason(reason, renames, yaml)
  }
}

/** `role/keeper of Role::keeper on Shop::Order::o1` */
function renameReason(reason: YamlText, renames: Renames, yaml: YamlEdits): void {
  const [, template = '', ofType, ofId = '', onType = '', onId = ''] =
    /^(.*) of ([\w:]+)::(.*) on ([\w:]+)::(.*)$/s.exec(reason.value) ?? []
  const parts = ofType === 'Role' ? (renames.roles.get(ofId) ?? []) : []
  const [part] = parts.length < 2 ? parts : parts.filter(({ policies }) => policies?.includes(template) === true)
  if (part !== undefined) yaml.replaceAll(reason, ` of Role::${ofId} on `, ` of Role::${part.id} on `)
  // What is on nothing that is declared is told of where it is given.
  const to = typeAfter({ type: onType, id: onId }, renames) ?? onType
  if (to !== onType) yaml.replaceAll(reason, ` on ${onType}::`, ` on ${to}::`)
}
