import type { SchemaDescription } from './describe-schema.ts'
import { errorOf } from './errors.ts'
import type { Constraint } from './expression.ts'
import { parsePolicies } from './parse-policies.ts'
import type { Policy } from './policy.ts'
import { type PolicyPart, scan, splitPolicies, type Token } from './policy-text.ts'
import { renamedAttributes } from './rename-attributes.ts'
import type { Rewrite, RewriteProblem } from './rename-schema.ts'
import { type ActionPart, actionText, partUnknown, type Renames, typeAfter } from './renames.ts'
import { positionsIn } from './source-position.ts'
import { splitIs } from './split-is.ts'
import type { TextEdit } from './text-edit.ts'

/**
 * Changes names in a text of policies; comments and layout stay. `schema` is the one that the policies were written for:
 * it tells whose attribute `resource.total` is. Throws `policies_invalid` for what does not parse.
 */
export function renameInPolicies(text: string, source: string, schema: SchemaDescription, renames: Renames): Rewrite {
  const positions = positionsIn(text, source)
  const edits: TextEdit[] = []
  const problems: RewriteProblem[] = []
  for (const part of splitPolicies(text)) {
    const found = renamedPart(text.slice(part.start, part.end), part, schema, renames)
    edits.push(...found.edits.map(({ start, end, by }) => ({ start: start + part.start, end: end + part.start, by })))
    problems.push(...found.problems.map(({ at, message }) => ({ position: positions.at(at + part.start), message })))
  }
  return { edits, problems }
}

export interface FoundInPolicy {
  readonly edits: readonly TextEdit[]
  readonly problems: readonly { readonly at: number; readonly message: string }[]
}

function renamedPart(text: string, part: PolicyPart, schema: SchemaDescription, renames: Renames): FoundInPolicy {
  const policy = readPolicy(text, part)
  const found = [renamedNames(policy, renames), renamedAttributes(policy, schema, renames)]
  return { edits: found.flatMap(({ edits }) => edits), problems: found.flatMap(({ problems }) => problems) }
}

function readPolicy(text: string, { isTemplate }: PolicyPart): Policy {
  const { policies, templates } = parsePolicies(text)
  const [policy, template] = [policies[0], templates[0]]
  if (!isTemplate && policy !== undefined) return policy
  if (template === undefined) {
    throw errorOf('policies_invalid', [{ severity: 'error', message: 'a policy that says nothing' }])
  }
  // Which entities fill the slots makes no difference to where things stand.
  const some = { type: 'Slot', id: '' }
  const slots = ['?principal', '?resource'].filter((slot) => text.includes(slot))
  const values = Object.fromEntries(slots.map((slot) => [slot, some]))
  const linked = template.link({ templateId: template.info.id, newId: template.info.id, values })
  return {
    ...linked,
    scope: { ...linked.scope, principal: unslotted(linked, 'principal'), resource: unslotted(linked, 'resource') },
  }
}

function unslotted({ scope }: Policy, part: 'principal' | 'resource'): Constraint {
  const constraint = scope[part]
  if (constraint.kind === 'is') return { ...constraint, within: undefined }
  return { kind: 'any' }
}

/** A part of the text of a policy. */
export interface PolicyToken {
  readonly token: Token
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Entities, types after `is`, actions and roles: what is told from the tokens alone. */
function renamedNames({ id, text, annotations }: Policy, renames: Renames): FoundInPolicy {
  const tokens: PolicyToken[] = []
  scan(text, (token, start, end) => {
    if (token !== 'space') tokens.push({ token, start, end, text: text.slice(start, end) })
  })
  const edits: TextEdit[] = []
  const problems: { at: number; message: string }[] = []
  const textAt = (index: number): string => tokens[index]?.text ?? ''
  for (let first = 0; first < tokens.length; first++) {
    const token = tokens[first]
    if (token === undefined) continue
    if (token.text === '@' && textAt(first + 1) === 'role' && textAt(first + 2) === '(') {
      const value = tokens[first + 3]
      if (value !== undefined) roleEdit(value, annotations.role)
      first += 3
      continue
    }
    if (token.token !== 'name' || textAt(first - 1) === '.' || textAt(first - 1) === '@') continue
    let last = first
    while (textAt(last + 1) === '::' && tokens[last + 2]?.token === 'name') last += 2
    const path = tokens
      .slice(first, last + 1)
      .map((one) => one.text)
      .join('')
    const typeEnd = tokens[last]?.end ?? token.end
    const literal = textAt(last + 1) === '::' ? tokens[last + 2] : undefined
    if (literal?.token === 'string') {
      entityEdit(path, { start: token.start, end: typeEnd }, literal, first, last + 2)
      last += 2
    } else if (textAt(first - 1) === 'is') {
      const to = renames.types.get(path)
      if (to !== undefined) edits.push({ start: token.start, end: typeEnd, by: to })
      const split = renames.typeSplits.get(path)
      if (split !== undefined) take(splitIs({ id, tokens, is: first - 1, last, parts: split.parts }))
    }
    first = last
  }
  return { edits, problems }

  function take(found: FoundInPolicy): void {
    edits.push(...found.edits)
    problems.push(...found.problems)
  }

  function roleEdit(value: PolicyToken, role: string | undefined): void {
    const parts = role === undefined ? undefined : renames.roles.get(role)
    if (parts === undefined) return
    const [only, ...more] = parts
    const own = more.length === 0 ? [only] : parts.filter(({ policies }) => policies?.includes(id) === true)
    const [to, ...others] = own
    if (to !== undefined && others.length === 0) {
      edits.push({ start: value.start, end: value.end, by: JSON.stringify(to.id) })
    } else
      problems.push({
        at: value.start,
        message: `the plan says not to which part of \`${role}\` the statement \`${id}\` goes`,
      })
  }

  function entityEdit(
    type: string,
    span: { readonly start: number; readonly end: number },
    literal: PolicyToken,
    first: number,
    last: number,
  ): void {
    const value = literal.text.slice(1, -1)
    if (type === 'Role') {
      const parts = renames.roles.get(value)
      const [only, ...more] = parts ?? []
      if (only !== undefined && more.length === 0) {
        edits.push({ start: literal.start, end: literal.end, by: JSON.stringify(only.id) })
      } else if (only !== undefined) {
        problems.push({
          at: span.start,
          message: `\`${id}\` is about everybody with the role \`${value}\`, which is split: say which part it means first`,
        })
      }
      return
    }
    if (type === 'Action' || type.endsWith('::Action')) {
      const action = type === 'Action' ? value : `${type.slice(0, -'::Action'.length)}::${value}`
      const parts = renames.actions.get(action)
      if (parts === undefined) return
      const own = parts.filter(({ notIn = [] }) => !notIn.includes(id))
      actionEdit(own, span.start, literal.end, first, last, action)
      return
    }
    const ref = { type, id: value }
    // An id with escapes is another one than it looks.
    const to = value.includes('\\') && renames.typeSplits.has(type) ? undefined : typeAfter(ref, renames)
    if (to === undefined) problems.push({ at: span.start, message: `\`${id}\`: ${partUnknown(ref)}` })
    else if (to !== type) edits.push({ ...span, by: to })
  }

  function actionEdit(
    parts: readonly ActionPart[],
    start: number,
    end: number,
    first: number,
    last: number,
    action: string,
  ): void {
    const [only, ...more] = parts
    if (only === undefined) {
      problems.push({ at: start, message: `\`${id}\` would speak of no part of \`${action}\` any more` })
      return
    }
    const list = parts.map((part) => actionText(part.id)).join(', ')
    if (more.length === 0) {
      edits.push({ start, end, by: list })
      return
    }
    const [before, after] = [textAt(first - 1), textAt(last + 1)]
    const left = tokens[first - 2]
    const isAction = left?.text === 'action' && textAt(first - 3) !== '.'
    if ((before === '[' || before === ',') && (after === ']' || after === ',') && isInList(first)) {
      edits.push({ start, end, by: list })
    } else if (isAction && before === 'in') edits.push({ start, end, by: `[${list}]` })
    else if (isAction && before === '==') {
      const operator = tokens[first - 1]
      edits.push({ start: operator?.start ?? start, end, by: `in [${list}]` })
    } else if (isAction && before === '!=') edits.push({ start: left.start, end, by: `!(action in [${list}])` })
    else
      problems.push({
        at: start,
        message: `\`${id}\` uses \`${action}\`, which is split, in a way that cannot be rewritten`,
      })
  }

  /** Whether the bracket that is open here is one of a list, and not of a call or of `x["y"]`. */
  function isInList(from: number): boolean {
    let depth = 0
    for (let index = from - 1; index >= 0; index--) {
      const symbol = textAt(index)
      if (symbol === ')' || symbol === ']' || symbol === '}') depth++
      else if (symbol === '(' || symbol === '[' || symbol === '{') {
        if (depth === 0) return symbol === '['
        depth--
      }
    }
    return false
  }
}
