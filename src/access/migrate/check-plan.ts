import { describeSchema, localName, outlineSchema, type Renames, type SchemaDescription } from '../../cedar/index.ts'
import { manifestError } from '../../identity/index.ts'
import type { Foundation } from '../foundation.ts'
import type { PolicyFile } from '../layers.ts'
import type { MigrationPlan, PlannedAction, PlannedType } from './plan.ts'

/** What a plan is held to. */
export interface PlannedOver {
  readonly foundation: Foundation
  /** The one in force in the folder: the foundation's and the tenant's own. */
  readonly schema: string
  readonly policies: readonly PolicyFile[]
  /** Roles that manifests declare, or somebody has. */
  readonly roles: ReadonlySet<string>
}

/**
 * The plan as renames; what type each entity goes to is for `splitTypes` to say. Throws `manifest_invalid` with file and
 * line of everything that cannot be done.
 */
export function checkPlan(plan: MigrationPlan, over: PlannedOver): Omit<Renames, 'typeSplits'> {
  const schema = describeSchema(over.schema)
  const base = describeSchema(over.foundation.schema)
  const problems: string[] = []
  const complain: Complain = (path, message) => void problems.push(`${plan.where(path)}: ${message}`)
  if (plan.actions.size + plan.types.size + plan.attributes.size + plan.roles.size === 0) {
    complain([], 'the plan changes nothing')
  }
  const names = (list: readonly { readonly id?: string; readonly name?: string }[]): ReadonlySet<string> =>
    new Set(list.map(({ id, name }) => id ?? name ?? ''))
  const types = { known: namesOfTypes(schema), own: namesOfTypes(base) }
  const toTypes = new Map([...plan.types].map(([name, parts]) => [name, parts.map(({ to }) => to)]))
  checkNames(plan, 'types', 'type', toTypes, types.known, types.own, complain)
  const actions = new Map([...plan.actions].map(([id, parts]) => [id, parts.map(({ to }) => to)]))
  checkNames(plan, 'actions', 'action', actions, names(schema.actions), names(base.actions), complain)
  const builtIn = rolesOf(over.foundation.roles ?? [])
  const roles = new Map([...plan.roles].map(([id, parts]) => [id, parts.map(({ to }) => to)]))
  const knownRoles = new Set([...over.roles, ...rolesOf(over.policies), ...builtIn])
  checkNames(plan, 'roles', 'role', roles, knownRoles, builtIn, complain)
  for (const [id, parts] of plan.actions) checkSplit(id, parts, schema, complain)
  for (const [name, parts] of plan.types) checkTypeSplit(name, parts, schema, complain)
  const { attributes, facts } = attributesOf(plan, schema, base, over, complain)
  if (problems.length > 0) throw manifestError(problems)
  return {
    types: new Map(
      [...toTypes].flatMap(([name, [only, ...more]]) => (more.length > 0 || only === undefined ? [] : [[name, only]])),
    ),
    actions: new Map(
      [...plan.actions].map(([id, parts]) => [
        id,
        parts.map(({ to, on, notIn }) => ({
          id: to,
          ...(on === undefined ? {} : { on }),
          ...(notIn === undefined ? {} : { notIn }),
        })),
      ]),
    ),
    attributes,
    facts,
    roles: new Map(
      [...plan.roles].map(([id, parts]) => [
        id,
        parts.map(({ to, policies }) => ({ id: to, ...(policies === undefined ? {} : { policies }) })),
      ]),
    ),
  }
}

type Complain = (path: readonly PropertyKey[], message: string) => void

function namesOfTypes({ entities, records }: SchemaDescription): ReadonlySet<string> {
  return new Set([...entities, ...records].map(({ name }) => name))
}

function rolesOf(files: readonly PolicyFile[]): ReadonlySet<string> {
  return new Set(files.flatMap(({ text }) => [...text.matchAll(/@role\("([^"\\]+)"\)/g)].map(([, role]) => role ?? '')))
}

function checkNames(
  plan: MigrationPlan,
  section: 'types' | 'actions' | 'roles',
  noun: string,
  renames: ReadonlyMap<string, string | readonly string[]>,
  known: ReadonlySet<string>,
  builtIn: ReadonlySet<string>,
  complain: Complain,
): void {
  const targets = new Map<string, string>()
  for (const [from, to] of renames) {
    const at = [section, from]
    if (builtIn.has(from)) complain(at, `the ${noun} \`${from}\` comes with Sallyport, and keeps its name`)
    else if (!known.has(from)) complain(at, `there is no ${noun} \`${from}\``)
    for (const name of typeof to === 'string' ? [to] : to) {
      if (name === from && typeof to === 'string') complain(at, `\`${from}\` would become itself`)
      if (name === from && to.length === 1) complain(at, `\`${from}\` would become itself`)
      const other = targets.get(name)
      if (other !== undefined) complain(at, `\`${other}\` and \`${from}\` would both become \`${name}\``)
      targets.set(name, from)
      if (builtIn.has(name)) complain(at, `the ${noun} \`${name}\` comes with Sallyport`)
      else if (known.has(name) && !renames.has(name)) complain(at, `\`${name}\` is the name of another ${noun} already`)
      if (section !== 'roles' && namespaceOf(name) !== namespaceOf(from)) {
        complain(at, `\`${name}\` is in another namespace than \`${from}\``)
      }
    }
  }
  const circle = circleIn(renames)
  if (circle !== undefined && !plan.isSimultaneous) {
    complain(
      [section, circle[0] ?? ''],
      `the names go in a circle: ${circle.map((name) => `\`${name}\``).join(' → ')}; with \`simultaneous: true\` they change places`,
    )
  }
}

function namespaceOf(name: string): string {
  return name.slice(0, name.length - localName(name).length)
}

function circleIn(renames: ReadonlyMap<string, string | readonly string[]>): readonly string[] | undefined {
  for (const first of renames.keys()) {
    const way = [first]
    const seen = new Set<string>()
    let open = nextOf(renames, first)
    while (open.length > 0) {
      const [name = ''] = open
      if (name === first) return [...way, first]
      if (seen.has(name)) break
      seen.add(name)
      way.push(name)
      open = nextOf(renames, name)
    }
  }
  return undefined
}

/** An action may be split into itself and another one. */
function nextOf(renames: ReadonlyMap<string, string | readonly string[]>, name: string): readonly string[] {
  const to = renames.get(name)
  return to === undefined ? [] : (typeof to === 'string' ? [to] : to).filter((next) => next !== name)
}

function checkSplit(id: string, parts: readonly PlannedAction[], schema: SchemaDescription, complain: Complain): void {
  if (parts.length < 2) return
  const at = ['actions', id]
  const action = schema.actions.find((one) => one.id === id)
  if (action === undefined) return
  const { resources } = action
  if (resources.length === 0) complain(at, `\`${id}\` is a group of actions, and a group cannot be split`)
  const byType = parts.filter(({ on }) => on !== undefined)
  if (byType.length > 0) {
    if (byType.length < parts.length || parts.some(({ when }) => when !== undefined)) {
      complain(at, 'a split goes by the type of the resource (`on`) or by conditions (`when`), and not by both')
    }
    const given = byType.flatMap(({ on = [] }) => on)
    for (const type of resources) {
      const count = given.filter((one) => one === type).length
      if (count !== 1) complain(at, `\`${type}\` has to be in \`on\` of exactly one part, and is in ${count}`)
    }
    for (const type of given) if (!resources.includes(type)) complain(at, `\`${id}\` is never done to a \`${type}\``)
    return
  }
  parts.forEach(({ when }, index) => {
    const isLast = index === parts.length - 1
    if (isLast && when !== undefined) complain([...at, index], 'the last part takes the rest, and has no `when`')
    if (!isLast && when === undefined) complain([...at, index], 'needs `on` or `when`: what goes to this part')
  })
}

function checkTypeSplit(
  name: string,
  parts: readonly PlannedType[],
  schema: SchemaDescription,
  complain: Complain,
): void {
  const at = ['types', name]
  const isSplit = parts.length > 1
  if (isSplit && schema.records.some((record) => record.name === name)) {
    complain(at, `\`${name}\` is a record and no entity: nothing tells which part one of them would be`)
  }
  parts.forEach(({ when, only }, index) => {
    const isLast = index === parts.length - 1
    const said = [when, only].filter((one) => one !== undefined).length
    if (isLast && said > 0) complain([...at, index], 'the last part takes the rest, and has neither `when` nor `only`')
    if (!isLast && said !== 1) complain([...at, index], 'needs `when` or `only`: what goes to this part')
  })
  const ids = parts.flatMap(({ only = [] }) => only)
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) {
    complain(at, `\`${id}\` is in \`only\` twice`)
  }
}

/** By type, and by action for what stands in contexts. */
function attributesOf(
  plan: MigrationPlan,
  schema: SchemaDescription,
  base: SchemaDescription,
  { policies }: PlannedOver,
  complain: Complain,
): Pick<Renames, 'attributes' | 'facts'> {
  const attributes = new Map<string, ReadonlyMap<string, string>>()
  const facts = new Map<string, ReadonlyMap<string, string>>()
  const own = policies.find(({ as }) => as === 'schema')
  const outline = own === undefined ? undefined : outlineSchema(own.text)
  const builtIn = new Set([...namesOfTypes(base), ...base.actions.map(({ id }) => id)])
  for (const [owner, names] of plan.attributes) {
    const type = [...schema.entities, ...schema.records].find(({ name }) => name === owner)
    const action = schema.actions.find(({ id }) => id === owner)
    const fields = type?.fields ?? action?.facts
    const at = (name: string): readonly PropertyKey[] => ['attributes', owner, name]
    if (fields === undefined) {
      complain(['attributes', owner], `there is neither a type nor an action \`${owner}\``)
      continue
    }
    if (builtIn.has(owner)) {
      complain(['attributes', owner], `\`${owner}\` comes with Sallyport, and its attributes keep their names`)
      continue
    }
    const shared = new Set(base.records.find(({ name }) => name === 'Facts')?.fields.map(({ name }) => name))
    const known = new Set(fields.map(({ name }) => name))
    const isContext = type === undefined
    for (const [from, to] of names) {
      if (!known.has(from)) complain(at(from), `\`${owner}\` has no attribute \`${from}\``)
      else if (isContext && shared.has(from)) {
        complain(at(from), `the fact \`${from}\` comes with Sallyport, and keeps its name`)
      }
      if (from === to) complain(at(from), `\`${from}\` would become itself`)
      if (known.has(to) && !names.has(to)) complain(at(from), `\`${owner}\` has an attribute \`${to}\` already`)
    }
    if (new Set(names.values()).size < names.size) {
      complain(['attributes', owner], 'two attributes would become one')
    }
    const circle = circleIn(names)
    if (circle !== undefined && !plan.isSimultaneous) {
      complain(
        at(circle[0] ?? ''),
        `the names go in a circle: ${circle.map((name) => `\`${name}\``).join(' → ')}; with \`simultaneous: true\` they change places`,
      )
    }
    if (isContext) {
      const inPlace = outline?.actions.find(({ ids }) => ids.includes(owner))
      if (inPlace?.context !== undefined) {
        complain(['attributes', owner], `the context of \`${owner}\` is \`${inPlace.context}\`: rename it there`)
      }
      facts.set(owner, names)
      continue
    }
    attributes.set(owner, names)
    for (const { ids, context } of outline?.actions ?? []) {
      if (context === owner) for (const id of ids) facts.set(id, names)
    }
  }
  return { attributes, facts }
}
