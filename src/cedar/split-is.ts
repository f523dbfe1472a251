import type { FoundInPolicy, PolicyToken } from './rename-policies.ts'

/** Where a policy says `is` of a type that becomes several. */
interface IsOfSplit {
  readonly id: string
  /** Of the whole policy. */
  readonly tokens: readonly PolicyToken[]
  /** Indexes of the word `is`, and of the last token of the type. */
  readonly is: number
  readonly last: number
  readonly parts: readonly string[]
}

/**
 * `resource is Order` becomes `(resource is A || resource is B)`. The head of a policy has no alternatives: there it
 * becomes the first of the conditions.
 */
export function splitIs(place: IsOfSplit): FoundInPolicy {
  const { id, tokens, is, last, parts } = place
  const [variable, type, within] = [tokens[is - 1], tokens[last], tokens[last + 1]]
  const before = tokens[is - 2]?.text ?? ''
  const isVariable = variable?.text === 'resource' || variable?.text === 'principal'
  // Of anything longer, `is` would have to be said twice.
  if (variable === undefined || type === undefined || !isVariable || before === '.' || before === '!') {
    return refused(place, `says \`is\` of something else than \`resource\` and \`principal\``)
  }
  const either = parts.map((part) => `${variable.text} is ${part}`).join(' || ')
  const head = headOf(tokens)
  if (head !== undefined && is < head.last) {
    const closing = tokens[head.last]?.end ?? 0
    return {
      edits: [
        { start: variable.end, end: type.end, by: '' },
        { start: closing, end: closing, by: `\nwhen { ${either} }` },
      ],
      problems: [],
    }
  }
  if (within?.text !== 'in') {
    return { edits: [{ start: variable.start, end: type.end, by: `(${either})` }], problems: [] }
  }
  const end = endOfOperand(tokens, last + 2)
  if (end === undefined) return refused(place, 'says `is … in` in a way that cannot be rewritten')
  return {
    edits: [
      { start: variable.start, end: within.end, by: `((${either}) && ${variable.text} in` },
      { start: end, end, by: ')' },
    ],
    problems: [],
  }

  function refused({ is: at }: IsOfSplit, message: string): FoundInPolicy {
    return {
      edits: [],
      problems: [{ at: tokens[at]?.start ?? 0, message: `\`${id}\` ${message}, and the type is split` }],
    }
  }
}

/** The index of the bracket that closes the head. */
function headOf(tokens: readonly PolicyToken[]): { readonly last: number } | undefined {
  const effect = tokens.findIndex(
    ({ text }, index) => (text === 'permit' || text === 'forbid') && tokens[index - 1]?.text !== '@',
  )
  const last = closingOf(tokens, effect + 1)
  return last === undefined ? undefined : { last }
}

function closingOf(tokens: readonly PolicyToken[], opening: number): number | undefined {
  let depth = 0
  for (let index = opening; index < tokens.length; index++) {
    const text = tokens[index]?.text ?? ''
    if (text === '(' || text === '[' || text === '{') depth++
    if (text === ')' || text === ']' || text === '}') depth--
    if (depth === 0) return index
  }
  return undefined
}

/** An entity or a list of them; what else can stand behind `in` is nothing that anybody writes there. */
function endOfOperand(tokens: readonly PolicyToken[], first: number): number | undefined {
  if (tokens[first]?.text === '[') return tokens[closingOf(tokens, first) ?? -1]?.end
  let last = first
  while (tokens[last + 1]?.text === '::') last += 2
  const next = tokens[last + 1]?.text
  if (tokens[last]?.token !== 'string' || next === '.' || next === '[') return undefined
  return tokens[last]?.end
}
