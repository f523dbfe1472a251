/** How exactly a value must stand in a text to have been said there. */
export type Strictness = 'strict' | 'loose'

/**
 * Whether `value` stands in `text` as a whole token.
 * - `loose`: no letter or digit on either side. For content that makes a value suspicious.
 * - `strict`: what is around it must not belong to it either: `evil` is not said by `devil`, `evil-corp`, `evil@x.co` or
 *   `www.evil.com`, and `30` not by `30,000`. For text that makes a value trustworthy.
 */
export function hasToken(text: string, value: string, strictness: Strictness): boolean {
  // Long values are looked for by their beginning: comparing them at every place would take time in proportion to both.
  const head = value.slice(0, MAX_HEAD)
  // A text of one repeated character has as many places to look at as characters; that is no ordinary text.
  let misses = 0
  for (let at = text.indexOf(head); at >= 0 && misses < MAX_MISSES; at = text.indexOf(head, at + 1), misses++) {
    if (!isBoundary(text, at, -1, strictness) || !isBoundary(text, at + value.length, 1, strictness)) continue
    if (text.startsWith(value, at)) return true
  }
  return false
}

const MAX_HEAD = 256
const MAX_MISSES = 2000

/** Whether a token may begin (`direction` -1: look to the left) or end (1: to the right) at this place. */
function isBoundary(text: string, index: number, direction: 1 | -1, strictness: Strictness): boolean {
  const outside = neighbour(text, index, direction)
  if (outside === '') return true
  const inside = neighbour(text, index, direction === 1 ? -1 : 1)
  if (WORD.test(outside)) return UNSPACED.test(outside) !== UNSPACED.test(inside)
  if (strictness === 'loose') return true
  if (!JOINER.test(outside)) return true
  const beyond = neighbour(text, index + direction * outside.length, direction)
  if (outside === ',') return !(DIGIT.test(inside) && DIGIT.test(beyond))
  if (direction === 1 && /['’]/.test(outside) && /^s(?![\p{L}\p{N}])/u.test(text.slice(index + 1, index + 4)))
    return true
  return !WORD.test(beyond)
}

// Letters, digits, and what only stands with them.
const WORD = /[\p{L}\p{N}\p{M}_]/u
const DIGIT = /\p{Nd}/u
// Between two word characters, these make one token of them.
const JOINER = /[.@\-/:+&=#%~?\\*'’,]/
// Scripts that put no spaces between words, so that an address or name in Latin letters ends where they begin.
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

function neighbour(text: string, index: number, direction: 1 | -1): string {
  if (direction === 1) return index >= text.length ? '' : String.fromCodePoint(text.codePointAt(index) ?? 0)
  if (index <= 0) return ''
  const unit = text.charCodeAt(index - 1)
  return unit >= 0xdc00 && unit <= 0xdfff && index > 1 ? text.slice(index - 2, index) : text.charAt(index - 1)
}

/** The same text with a space wherever a script without spaces meets another one. */
export function separateScripts(text: string): string {
  return UNSPACED.test(text) ? text.replace(UNSPACED_RUN, ' ') : text
}

const UNSPACED_RUN = new RegExp(`${UNSPACED.source}+`, 'gu')
