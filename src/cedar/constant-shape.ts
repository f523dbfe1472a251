import { scan, type Token } from './policy-text.ts'

/** What a policy says apart from its constants; policies of one shape differ in nothing else. */
export interface ConstantShape {
  /** With `§` in the place of each constant, and one space between words. */
  readonly shape: string
  readonly constants: readonly ShapedConstant[]
}

export interface ShapedConstant {
  /** As it is written: `"internal"`, `3`, `Project::"churn"`. */
  readonly text: string
  /** `string`, `integer`, or the type of an entity. */
  readonly type: string
  /** What stands before it and says what it is for: `resource.classification`, `principal`. */
  readonly near: string
}

interface PlacedToken {
  readonly token: Token
  readonly text: string
}

/** Annotations are left out, except for those that say how much is allowed. */
export function constantShape(policy: string): ConstantShape {
  const tokens: PlacedToken[] = []
  scan(policy, (token, start, end) => {
    if (token !== 'space') tokens.push({ token, text: policy.slice(start, end) })
  })
  const constants: ShapedConstant[] = []
  const words: string[] = []
  let near = ''
  for (let at = afterAnnotations(tokens); at < tokens.length; at++) {
    const token = tokens[at]
    if (token === undefined) break
    if (token.token === 'name') {
      let last = at
      while (tokens[last + 1]?.text === '::' && tokens[last + 2]?.token === 'name') last += 2
      const path = tokens
        .slice(at, last + 1)
        .map(({ text }) => text)
        .join('')
      const id = tokens[last + 1]?.text === '::' ? tokens[last + 2] : undefined
      at = last
      if (id?.token === 'string') {
        constants.push({ text: `${path}::${id.text}`, type: path, near })
        words.push(`${path}::§`)
        at = last + 2
        continue
      }
      words.push(path)
      near = nearAfter(near, path, tokens[at - 1]?.text)
      continue
    }
    if (token.token === 'string' || token.token === 'integer') {
      constants.push({ text: token.text, type: token.token, near })
      words.push('§')
      continue
    }
    words.push(token.text)
  }
  return { shape: words.join(' '), constants }
}

/** The last name, with what it is an attribute of. */
function nearAfter(near: string, name: string, before: string | undefined): string {
  if (before === '.') return `${near}.${name}`
  return KEYWORDS.has(name) ? near : name
}

const KEYWORDS: ReadonlySet<string> = new Set(['in', 'is', 'has', 'like', 'if', 'then', 'else', 'when', 'unless'])

function afterAnnotations(tokens: readonly PlacedToken[]): number {
  let at = 0
  while (tokens[at]?.text === '@') {
    at += 2
    if (tokens[at]?.text !== '(') continue
    while (at < tokens.length && tokens[at]?.text !== ')') at++
    at++
  }
  return at
}

/** The shape with texts in the place of its constants, as one writes it. */
export function shapeText(shape: string, texts: readonly string[]): string {
  let at = 0
  return shape
    .replaceAll(/(?:[\w:]+::)?§/g, () => texts[at++] ?? '…')
    .replaceAll(/ ?\. ?/g, '.')
    .replaceAll(/\s+([,;)\]])/g, '$1')
    .replaceAll(/([([])\s+/g, '$1')
    .replaceAll(/(\w) \(/g, (_, last: string) => `${last}(`)
}
