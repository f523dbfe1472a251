import type { JsonObject } from './record.ts'

/**
 * Calls `add` with each word of a body's text values, in lower case; the same word may come more than once. A word is a
 * row of letters and digits of up to 40 characters; of scripts that put no spaces between words, each pair of
 * characters. Names of members and numbers are no text, digests neither.
 */
export function eachWord(body: object, add: (word: string) => void): void {
  eachText(body, (text) => {
    for (const word of wordsOf(text)) add(word)
  })
}

/** What was asked for in full text: every word must stand in the record, and every phrase in one of its values. */
export interface TextQuery {
  readonly words: readonly string[]
  readonly phrases: readonly string[]
}

/** Takes a query apart: parts between spaces, or between quotation marks; one of several words is a phrase. */
export function parseTextQuery(text: string): TextQuery {
  const words = new Set<string>()
  const phrases: string[] = []
  for (const [, quoted, plain] of text.matchAll(/"([^"]*)"|([^\s"]+)/g)) {
    const part = normal(quoted ?? plain ?? '')
    const own = split(part)
    for (const word of own) words.add(word)
    if (own.length !== 1 || own[0] !== part) phrases.push(part)
  }
  return { words: [...words], phrases }
}

/** Whether a body holds every word and phrase of a query. */
export function holdsText(body: object, { words, phrases }: TextQuery): boolean {
  const missing = new Set(words)
  if (missing.size > 0) eachWord(body, (word) => missing.delete(word))
  if (missing.size > 0) return false
  const open = new Set(phrases)
  if (open.size > 0) {
    eachText(body, (text) => {
      const value = normal(text)
      for (const phrase of open) if (value.includes(phrase)) open.delete(phrase)
    })
  }
  return open.size === 0
}

/** Calls `add` with each text of a body that full text is over. */
export function eachText(value: object, add: (text: string) => void): void {
  if (Array.isArray(value)) {
    for (const one of value) {
      if (typeof one === 'string') add(one)
      else if (typeof one === 'object' && one !== null) eachText(one, add)
    }
    return
  }
  const fields = value as JsonObject // bodies are JSON: encodeBodyText has refused the record otherwise
  for (const name in fields) {
    const one = fields[name]
    if (typeof one === 'string') {
      if (!DIGESTS.has(name)) add(one)
    } else if (typeof one === 'object' && one !== null) eachText(one, add)
  }
}

// They differ in nearly every record, and nobody looks for a part of one.
const DIGESTS: ReadonlySet<string> = new Set(['argumentsDigest', 'revision'])

/** The words of a text, in their order. */
export function wordsOf(text: string): readonly string[] {
  const found = known.get(text)
  if (found !== undefined) return found
  const words = split(normal(text))
  if (text.length <= MAX_KNOWN_LENGTH) {
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(text, words)
  }
  return words
}

const known = new Map<string, readonly string[]>()
const MAX_KNOWN = 20_000
const MAX_KNOWN_LENGTH = 64

function normal(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

function split(text: string): readonly string[] {
  const words: string[] = []
  for (const [row] of text.matchAll(ROW)) {
    if (UNSPACED.test(row)) addPairs(row, words)
    else if (row.length <= MAX_WORD) words.push(row)
  }
  return words
}

const MAX_WORD = 40
const ROW = /[\p{L}\p{N}\p{M}]+/gu
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

function addPairs(row: string, words: string[]): void {
  const characters = [...row]
  if (characters.length === 1) words.push(row)
  for (let i = 0; i + 1 < characters.length; i++) words.push(`${characters[i]}${characters[i + 1]}`)
}
