/** One policy or template in a text: `text.slice(start, end)`. */
export interface PolicyPart {
  readonly start: number
  readonly end: number
  readonly isTemplate: boolean
  /** Where integers stand that JSON cannot hold exactly. */
  readonly largeIntegers: readonly { readonly start: number; readonly end: number }[]
  /** How deeply brackets are nested. */
  readonly depth: number
}

export type Token = 'space' | 'string' | 'integer' | 'slot' | 'name' | 'symbol'

const PATTERNS = {
  space: /(?:\s+|\/\/[^\n]*)+/y,
  string: /"[^"\\]*(?:\\[\s\S][^"\\]*)*"?/y,
  integer: /[0-9]+/y,
  slot: /\?[a-zA-Z_]*/y,
  name: /[_a-zA-Z][_a-zA-Z0-9]*/y,
  symbol: /&&|\|\||==|!=|<=|>=|::|[\s\S]/y,
} as const

/** Calls `visit` for each token in order. Never fails: whatever is no token counts as a symbol. */
export function scan(text: string, visit: (token: Token, start: number, end: number) => void, from = 0): void {
  let at = from
  while (at < text.length) {
    const token = tokenAt(text, at)
    const end = endOf(token, text, at)
    visit(token, at, end)
    at = end
  }
}

function endOf(token: Token, text: string, at: number): number {
  const pattern = PATTERNS[token]
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at + 1
}

function tokenAt(text: string, at: number): Token {
  const character = text.charAt(at)
  if (character === '"') return 'string'
  if (character === '?') return 'slot'
  if (character >= '0' && character <= '9') return 'integer'
  if (/[_a-zA-Z]/.test(character)) return 'name'
  if (/\s/.test(character) || (character === '/' && text.charAt(at + 1) === '/')) return 'space'
  return 'symbol'
}

/**
 * Where each policy of a text starts and ends. What it means is for the official parser to say; only this much can be
 * said of it without parsing: a policy ends with a semicolon outside of strings and comments.
 */
export function* splitPolicies(text: string): Generator<PolicyPart, void> {
  let open: { start: number; isTemplate: boolean; largeIntegers: { start: number; end: number }[] } | undefined
  let nesting = 0
  let depth = 0
  let last = 0
  let end = 0
  for (let start = 0; start < text.length; start = end) {
    const token = tokenAt(text, start)
    end = endOf(token, text, start)
    if (token === 'space') continue
    open ??= { start, isTemplate: false, largeIntegers: [] }
    last = end
    if (token === 'slot') open.isTemplate = true
    if (token === 'integer' && !Number.isSafeInteger(Number(text.slice(start, end)))) {
      open.largeIntegers.push({ start, end })
    }
    if (token !== 'symbol') continue
    const symbol = text.charAt(start)
    if (symbol === '(' || symbol === '[' || symbol === '{') depth = Math.max(depth, ++nesting)
    else if (symbol === ')' || symbol === ']' || symbol === '}') nesting--
    else if (symbol === ';') {
      yield { ...open, end, depth }
      open = undefined
      nesting = 0
      depth = 0
    }
  }
  if (open !== undefined) yield { ...open, end: last, depth }
}
