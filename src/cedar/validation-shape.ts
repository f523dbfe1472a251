import { scan, type Token } from './policy-text.ts'

/**
 * What the validator's verdict on a policy depends on: policies with the same shape are valid or not alike. Most texts
 * are data to it: ids of entities, and literals that are compared. Of these it can only know which are the same, for it
 * finds out that `"a" == "b"` is never true; so each is replaced by the place of its first occurrence. Everything that
 * it might look into stays as it is: names, patterns, arguments of `ip("…")`, ids of actions and of enumerated types.
 *
 * Undefined for a policy that has to be validated itself.
 */
export function validationShape(policy: string, enumerated: ReadonlySet<string>): string | undefined {
  // Other characters bring warnings of their own, about texts that look like others. Escapes hide what texts are equal.
  if (policy.length > LONGEST || !PLAIN.test(policy)) return undefined
  const tokens = tokensOf(policy)
  const isData = tokens.map((_, at) => isDataAt(tokens, at, enumerated))
  const fixed = new Set(
    tokens.filter(({ kind }, at) => kind === 'string' && isData[at] === false).map(({ text }) => text),
  )
  const places = new Map<string, number>()
  const parts = tokens.map(({ text }, at) => {
    if (isData[at] === false || fixed.has(text)) return text
    const place = places.get(text) ?? places.size
    places.set(text, place)
    return `#${place}`
  })
  return parts.join(' ')
}

const LONGEST = 2000
const PLAIN = /^[\t\n\r\x20-\x5b\x5d-\x7e]*$/

interface ShapeToken {
  readonly kind: Token
  readonly text: string
}

function tokensOf(policy: string): readonly ShapeToken[] {
  const tokens: ShapeToken[] = []
  scan(policy, (kind, start, end) => {
    if (kind !== 'space') tokens.push({ kind, text: policy.slice(start, end) })
  })
  return tokens
}

/** Whether the token is a text of which the validator can only know whether it is the same as another. */
function isDataAt(tokens: readonly ShapeToken[], at: number, enumerated: ReadonlySet<string>): boolean {
  if (tokens[at]?.kind !== 'string') return false
  const before = tokens[at - 1]?.text ?? ''
  const after = tokens[at + 1]?.text ?? ''
  switch (before) {
    case '::': {
      const type = typeBefore(tokens, at - 1)
      return type !== '' && !/(?:^|::)Action$/.test(type) && !enumerated.has(type)
    }
    case '==':
    case '!=':
      return !CONTINUES.has(after)
    case '(':
      return isAnnotation(tokens, at) || (after === ')' && COMPARING.has(calledAt(tokens, at)))
    default:
      return false
  }
}

/** After such a token the text is not all of what is compared. */
const CONTINUES: ReadonlySet<string> = new Set([
  '.',
  '[',
  'like',
  'has',
  'in',
  'is',
  '+',
  '-',
  '*',
  '<',
  '<=',
  '>',
  '>=',
])
const COMPARING: ReadonlySet<string> = new Set(['contains', 'hasTag', 'getTag'])

/** `N::User` in `N::User::"alice"`; `end` is where the last `::` stands. */
function typeBefore(tokens: readonly ShapeToken[], end: number): string {
  let start = end
  while (tokens[start]?.text === '::' && tokens[start - 1]?.kind === 'name') start -= 2
  return tokens
    .slice(start + 1, end)
    .map(({ text }) => text)
    .join('')
}

function isAnnotation(tokens: readonly ShapeToken[], at: number): boolean {
  return tokens[at - 2]?.kind === 'name' && tokens[at - 3]?.text === '@'
}

/** `contains` in `x.contains("…")`. */
function calledAt(tokens: readonly ShapeToken[], at: number): string {
  return tokens[at - 3]?.text === '.' ? (tokens[at - 2]?.text ?? '') : ''
}
