import type { Constraint, Expression } from './expression.ts'
import { locate, operandsOf, type PolicySpans, type Span } from './locate.ts'
import { parsePolicies } from './parse-policies.ts'
import type { Policy, PolicyInfo } from './policy.ts'
import { scan } from './policy-text.ts'
import { positionsIn, type SourcePosition, within } from './source-position.ts'

/** A policy changed in one small step, of the kind that a person makes by mistake; tests worth having notice it. */
export interface Mutant {
  /** The id of the policy, or of the template. */
  readonly policy: string
  /** The whole policy as it would be. It parses, but may not fit the schema any more. */
  readonly text: string
  /** For a person: `without \`resource.public\``. */
  readonly change: string
  readonly position: SourcePosition
}

/** Every mutant of a policy or a template, in the order in which they stand in its text; each text once. */
export function mutantsOf(info: PolicyInfo): readonly Mutant[] {
  const policy = readAgain(info)
  if (policy === undefined) return []
  const { text } = info
  const id = info.link?.templateId ?? info.id
  const at = positionsIn(text)
  const seen = new Set([text])
  const mutants: Mutant[] = []
  for (const { start, end, by, change } of editsOf(policy).sort((a, b) => a.start - b.start)) {
    const mutated = text.slice(0, start) + by + text.slice(end)
    if (seen.has(mutated)) continue
    seen.add(mutated)
    mutants.push({ policy: id, text: mutated, change, position: within(info.position, at.at(start)) })
  }
  return mutants
}

/** Puts `by` in the place of a span. */
interface Edit extends Span {
  readonly by: string
  readonly change: string
}

function readAgain({ text }: PolicyInfo): Policy | undefined {
  const { policies, templates } = parsePolicies(text)
  const template = templates[0]
  if (template === undefined) return policies[0]
  // Which entities fill the slots makes no difference to where things stand.
  const some = { type: 'Slot', id: '' }
  const values = Object.fromEntries(
    ['?principal', '?resource'].filter((slot) => text.includes(slot)).map((slot) => [slot, some]),
  )
  return template.link({ templateId: template.info.id, newId: 'linked', values })
}

function editsOf(policy: Policy): Edit[] {
  const spans = locate(policy)
  return [
    ...effectEdits(policy),
    ...(['principal', 'action', 'resource'] as const).flatMap((part) =>
      scopeEdits(policy.text, part, policy.scope[part], spans[part]),
    ),
    ...policy.conditions.flatMap((condition) => [
      ...clauseEdits(policy.text, spans.of(condition.body)),
      ...testEdits(condition.body, policy.text, spans),
    ]),
  ]
}

function effectEdits({ text, effect }: Policy): readonly Edit[] {
  let before = ''
  let found: Span | undefined
  scan(text, (token, start, end) => {
    if (token === 'space') return
    if (found === undefined && before !== '@' && text.slice(start, end) === effect) found = { start, end }
    before = text.slice(start, end)
  })
  if (found === undefined) return []
  const by = effect === 'permit' ? 'forbid' : 'permit'
  return [{ start: found.start, end: found.end, by, change: `${by}s instead` }]
}

function scopeEdits(text: string, part: string, constraint: Constraint, span: Span | undefined): readonly Edit[] {
  if (constraint.kind === 'any' || span === undefined) return []
  const own = text.slice(span.start, span.end)
  // Without its slot a template is another kind of policy, which no test could miss.
  if (own.includes('?')) return []
  const dropped: Edit = { ...span, by: part, change: `without \`${shortened(own)}\`` }
  if (constraint.kind !== 'in' || constraint.uids.length < 2) return [dropped]
  const elements = listIn(own)
  return [
    dropped,
    ...elements.map((element, index) => ({
      ...span,
      by: `${own.slice(0, own.indexOf('['))}[${elements.filter((_, other) => other !== index).join(', ')}]`,
      change: `without \`${element}\` among the ${part}s`,
    })),
  ]
}

/** What stands between the brackets of `… in [a, b]`. */
function listIn(text: string): readonly string[] {
  const elements: string[] = []
  let start = text.indexOf('[') + 1
  scan(
    text,
    (token, from, to) => {
      const symbol = text.slice(from, to)
      if (token !== 'symbol' || (symbol !== ',' && symbol !== ']')) return
      const element = text.slice(start, from).trim()
      if (element !== '') elements.push(element)
      start = to
    },
    start,
  )
  return elements
}

/** Leaves out a `when { … }` or `unless { … }`, or makes one of the other. */
function clauseEdits(text: string, body: Span | undefined): readonly Edit[] {
  if (body === undefined) return []
  let keyword: Span | undefined
  let end: number | undefined
  scan(text, (token, from, to) => {
    if (token === 'name' && to <= body.start && ['when', 'unless'].includes(text.slice(from, to))) {
      keyword = { start: from, end: to }
    }
    if (end === undefined && from >= body.end && text.slice(from, to) === '}') end = to
  })
  if (keyword === undefined || end === undefined) return []
  const word = text.slice(keyword.start, keyword.end)
  const other = word === 'when' ? 'unless' : 'when'
  return [
    { start: keyword.start, end, by: '', change: `without \`${shortened(text.slice(keyword.start, end))}\`` },
    { ...keyword, by: other, change: `\`${other}\` instead of \`${word}\`` },
  ]
}

/** What can go wrong in an expression that is true or false. */
function testEdits(expression: Expression, text: string, spans: PolicySpans): readonly Edit[] {
  const span = spans.of(expression)
  if (span === undefined) return []
  const source = (part: Expression): string => {
    const found = spans.of(part)
    return found === undefined ? '' : text.slice(found.start, found.end)
  }
  switch (expression.kind) {
    case 'and':
    case 'or': {
      const { kind, operands } = expression
      const [own, other] = kind === 'and' ? ['&&', '||'] : ['||', '&&']
      const join = (parts: readonly Expression[], symbol: string): string =>
        `(${parts.map((part) => `(${source(part)})`).join(` ${symbol} `)})`
      return [
        ...operands.map((operand, index) => ({
          ...span,
          by: join(
            operands.filter((_, at) => at !== index),
            own,
          ),
          change: `without \`${shortened(source(operand))}\``,
        })),
        { ...span, by: join(operands, other), change: `\`${other}\` instead of \`${own}\`` },
        ...operands.flatMap((operand) => testEdits(operand, text, spans)),
      ]
    }
    case 'not':
      return [
        { ...span, by: source(expression.of), change: `without the \`!\` of \`${shortened(source(expression))}\`` },
        ...testEdits(expression.of, text, spans),
      ]
    case 'if':
      return [
        {
          ...span,
          by: `(if ${source(expression.condition)} then ${source(expression.whenFalse)} else ${source(expression.whenTrue)})`,
          change: 'with `then` and `else` exchanged',
        },
        ...[expression.condition, expression.whenTrue, expression.whenFalse].flatMap((part) =>
          testEdits(part, text, spans),
        ),
      ]
    default: {
      const inner = operandsOf(expression).flatMap((operand) => valueEdits(operand, text, spans))
      if (expression.kind === 'compare') {
        const by = OTHER_COMPARISON[expression.operator]
        const changed = {
          ...span,
          by: `(${source(expression.left)} ${by} ${source(expression.right)})`,
          change: `\`${by}\` instead of \`${expression.operator}\` in \`${shortened(source(expression))}\``,
        }
        if (expression.operator === '==' || expression.operator === '!=') return [changed, ...inner]
        return [changed, negated(span, source(expression)), ...inner]
      }
      return [negated(span, source(expression)), ...callEdits(expression, span, source), ...inner]
    }
  }
}

const OTHER_COMPARISON = { '==': '!=', '!=': '==', '<': '<=', '<=': '<', '>': '>=', '>=': '>' } as const

function negated(span: Span, source: string): Edit {
  return { ...span, by: `(!(${source}))`, change: `not \`${shortened(source)}\`` }
}

const OTHER_CALL: Readonly<Record<string, string>> = { containsAll: 'containsAny', containsAny: 'containsAll' }

function callEdits(expression: Expression, span: Span, source: (part: Expression) => string): readonly Edit[] {
  if (expression.kind !== 'call') return []
  const by = OTHER_CALL[expression.name]
  const [receiver, argument] = expression.parameters
  if (by === undefined || receiver === undefined || argument === undefined) return []
  const change = `\`${by}\` instead of \`${expression.name}\` in \`${shortened(source(expression))}\``
  return [{ ...span, by: `(${source(receiver)}).${by}(${source(argument)})`, change }]
}

/** What can go wrong in the values that are compared. */
function valueEdits(expression: Expression, text: string, spans: PolicySpans): readonly Edit[] {
  const span = spans.of(expression)
  if (span === undefined) return []
  const own = text.slice(span.start, span.end)
  if (expression.kind === 'set') {
    const elements = expression.elements.map((element) => {
      const found = spans.of(element)
      return found === undefined ? '' : text.slice(found.start, found.end)
    })
    // An empty set has no type that the validator would accept.
    if (elements.length < 2) return []
    return elements.map((element, index) => ({
      ...span,
      by: `[${elements.filter((_, other) => other !== index).join(', ')}]`,
      change: `without \`${element}\` in \`${shortened(own)}\``,
    }))
  }
  if (expression.kind === 'literal' && /^\d+$/.test(own)) {
    const by = String(BigInt(own) + 1n)
    return [{ ...span, by, change: `\`${by}\` instead of \`${own}\`` }]
  }
  return operandsOf(expression).flatMap((operand) => valueEdits(operand, text, spans))
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length <= 60 ? line : `${line.slice(0, 57)}…`
}
