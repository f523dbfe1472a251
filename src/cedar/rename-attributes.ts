import type { SchemaDescription } from './describe-schema.ts'
import type { Constraint, Expression } from './expression.ts'
import { locate, operandsOf } from './locate.ts'
import type { Policy } from './policy.ts'
import { scan } from './policy-text.ts'
import type { FoundInPolicy } from './rename-policies.ts'
import { fieldText } from './rename-schema.ts'
import type { Renames } from './renames.ts'
import type { TextEdit } from './text-edit.ts'

/**
 * Where a policy asks for attributes that have another name now. An attribute belongs to a type, so the types that each
 * expression can have are found from what the schema says of the actions of the policy, narrowed by `is`.
 */
export function renamedAttributes(policy: Policy, schema: SchemaDescription, renames: Renames): FoundInPolicy {
  const edits: TextEdit[] = []
  const problems: { at: number; message: string }[] = []
  if (renames.attributes.size + renames.facts.size === 0) return { edits, problems }
  const spans = locate(policy)
  const variables = variablesOf(policy, schema)
  const fields = fieldsBy(schema)

  const typesOf = (expression: Expression, known: Variables): readonly string[] => {
    switch (expression.kind) {
      case 'variable':
        return expression.name === 'action' ? [] : known[expression.name]
      case 'attribute':
        return typesOf(expression.of, known).flatMap((type) => {
          const field = fields.get(type)?.get(expression.name)
          return field === undefined ? [] : [field]
        })
      case 'if':
        return [...typesOf(expression.whenTrue, known), ...typesOf(expression.whenFalse, known)]
      case 'literal':
        return typeof expression.value === 'object' && expression.value.kind === 'entity' ? [expression.value.type] : []
      default:
        return []
    }
  }

  /** The name that `name` has on these types from now on; undefined where it stays, or cannot be said. */
  const renamed = (types: readonly string[], name: string, at: number): string | undefined => {
    const having = [...new Set(types)].filter((type) => fields.get(type)?.has(name) === true)
    const names = new Map(having.map((type) => [type, newName(type, name, renames)]))
    const [to, ...more] = new Set(names.values())
    if (more.length === 0) return to
    const stays = having.find((type) => names.get(type) !== to) ?? ''
    const goes = having.find((type) => names.get(type) === to) ?? ''
    const said = (type: string): string => `of ${typeText(type)} \`${names.get(type) ?? name}\``
    problems.push({
      at,
      message: `\`${policy.id}\` asks for \`${name}\`, which is ${said(goes)} and ${said(stays)} from now on: let the policy say with \`is\`, or by its action, which of them it means`,
    })
    return undefined
  }

  const visit = (expression: Expression, known: Variables): void => {
    if (expression.kind === 'and') {
      let narrowed = known
      for (const operand of expression.operands) {
        visit(operand, narrowed)
        narrowed = narrow(operand, narrowed)
      }
      return
    }
    if (expression.kind === 'if') {
      visit(expression.condition, known)
      visit(expression.whenTrue, narrow(expression.condition, known))
      visit(expression.whenFalse, known)
      return
    }
    if (expression.kind === 'attribute' || expression.kind === 'has') {
      const path = expression.kind === 'attribute' ? [expression.name] : expression.path
      const receiver = spans.of(expression.of)
      let types = typesOf(expression.of, known)
      if (receiver !== undefined) {
        for (const place of pathAfter(policy.text, receiver.end, expression.kind, path.length)) {
          const name = path[place.index] ?? ''
          const to = renamed(types, name, place.start)
          if (to !== undefined) edits.push({ ...place.span, by: place.isBracket ? JSON.stringify(to) : fieldText(to) })
          types = types.flatMap((type) => fields.get(type)?.get(name) ?? [])
        }
      } else if (types.some((type) => path.some((name) => newName(type, name, renames) !== undefined))) {
        problems.push({
          at: 0,
          message: `\`${policy.id}\` asks for \`${path.join('.')}\` where it cannot be found in the text`,
        })
      }
    }
    for (const operand of operandsOf(expression)) visit(operand, known)
  }

  let known = variables
  for (const { kind, body } of policy.conditions) {
    visit(body, known)
    if (kind === 'when') known = narrow(body, known)
  }
  return { edits, problems }
}

/** The types that each variable can have. `context of view` is the context of an action. */
interface Variables {
  readonly principal: readonly string[]
  readonly resource: readonly string[]
  readonly context: readonly string[]
}

const CONTEXT = 'context of '

function newName(type: string, name: string, { attributes, facts }: Renames): string | undefined {
  return type.startsWith(CONTEXT) ? facts.get(type.slice(CONTEXT.length))?.get(name) : attributes.get(type)?.get(name)
}

function typeText(type: string): string {
  return type.startsWith(CONTEXT) ? `the context of \`${type.slice(CONTEXT.length)}\`` : `\`${type}\``
}

function variablesOf({ scope }: Policy, schema: SchemaDescription): Variables {
  const actions = schema.actions.filter(({ uid, parents, principals }) => {
    if (principals.length === 0) return false
    const { action } = scope
    if (action.kind === 'any') return true
    const named = action.kind === 'equal' ? [action.uid] : action.kind === 'in' ? action.uids : []
    const ids = new Set(named.map(({ type, id }) => idOf(type, id)))
    const self = idOf(uid.type, uid.id)
    return ids.has(self) || (action.kind === 'in' && groupsOf(parents, schema).some((group) => ids.has(group)))
  })
  const within = (part: 'principal' | 'resource', types: readonly string[]): readonly string[] =>
    types.filter((type) => couldBe(type, scope[part]))
  return {
    principal: within('principal', [...new Set(actions.flatMap(({ principals }) => principals))]),
    resource: within('resource', [...new Set(actions.flatMap(({ resources }) => resources))]),
    context: actions.map(({ id }) => `${CONTEXT}${id}`),
  }
}

function groupsOf(parents: readonly string[], schema: SchemaDescription): readonly string[] {
  const found = new Set<string>()
  const open = [...parents]
  for (let group = open.pop(); group !== undefined; group = open.pop()) {
    if (found.has(group)) continue
    found.add(group)
    open.push(...(schema.actions.find(({ id }) => id === group)?.parents ?? []))
  }
  return [...found]
}

function idOf(type: string, id: string): string {
  return type === 'Action' ? id : `${type.slice(0, -'::Action'.length)}::${id}`
}

const PARAMETER = 'Parameter'

function couldBe(type: string, constraint: Constraint): boolean {
  // What a pack has a parameter for can be of any type.
  if (constraint.kind === 'equal') return constraint.uid.type === type || constraint.uid.type === PARAMETER
  return constraint.kind === 'is' ? constraint.type === type : true
}

/** What is known where the expression holds. */
function narrow(expression: Expression, known: Variables): Variables {
  if (expression.kind === 'and') return expression.operands.reduce((sofar, operand) => narrow(operand, sofar), known)
  if (expression.kind !== 'is' || expression.of.kind !== 'variable') return known
  const { name } = expression.of
  if (name !== 'principal' && name !== 'resource') return known
  return { ...known, [name]: known[name].filter((type) => type === expression.type) }
}

/** The fields of each type, and the type of each. */
function fieldsBy(schema: SchemaDescription): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const of = (fields: readonly { readonly name: string; readonly type: string }[]): ReadonlyMap<string, string> =>
    new Map(fields.map(({ name, type }) => [name, type]))
  return new Map([
    ...[...schema.entities, ...schema.records].map(({ name, fields }) => [name, of(fields)] as const),
    ...schema.actions.map(({ id, facts }) => [`${CONTEXT}${id}`, of(facts)] as const),
  ])
}

interface PathPlace {
  readonly index: number
  readonly start: number
  readonly span: { readonly start: number; readonly end: number }
  readonly isBracket: boolean
}

/** Where the names stand that follow a receiver: `.a`, `["a"]`, ` has a.b`. */
function pathAfter(text: string, from: number, kind: 'attribute' | 'has', length: number): readonly PathPlace[] {
  const places: PathPlace[] = []
  let isBracket = false
  let isOver = false
  scan(
    text,
    (token, start, end) => {
      if (isOver || token === 'space') return
      const symbol = text.slice(start, end)
      if (places.length === 0 && symbol === ')') return
      if (kind === 'has' && places.length === 0 && symbol === 'has') return
      if (symbol === '.') return
      if (symbol === '[' && kind === 'attribute') {
        isBracket = true
        return
      }
      if (token === 'name' || token === 'string') {
        places.push({ index: places.length, start, span: { start, end }, isBracket })
        isOver = places.length === length
      } else isOver = true
    },
    from,
  )
  return places
}
