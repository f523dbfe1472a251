import { createBag } from './bag.ts'
import { CedarError } from './errors.ts'

/** JSON in memory. Integers beyond 2^53 are `bigint`, all others `number`. */
export type ExactJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly ExactJson[]
  | { readonly [key: string]: ExactJson }

const MAX_DEPTH = 512

/**
 * Reads JSON (RFC 8259) exactly: 64-bit integers keep every digit, and what other readers would pass over in silence
 * is refused with its line and column: duplicate keys, numbers with a fraction or an exponent, integers beyond 64 bits.
 * Objects have no prototype, so `__proto__` is a key like any other. Throws `json_invalid`.
 */
export function parseJson(text: string): ExactJson {
  const reader = new JsonReader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

const INTEGER = /-?(?:0|[1-9]\d*)/y
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class JsonReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): ExactJson {
    if (depth > MAX_DEPTH) throw this.#error(`nested deeper than ${MAX_DEPTH}`)
    this.#space()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) throw this.#error('unexpected text after the value')
  }

  #object(depth: number): ExactJson {
    const object = createBag<ExactJson>()
    this.#at++
    // Every key that is listed has a value; `undefined` is what the type says of the others.
    if (this.#next('}')) return object as { readonly [key: string]: ExactJson }
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw this.#error('expected a key')
      const key = this.#string()
      if (object[key] !== undefined) throw this.#error(`duplicate key \`${key}\``)
      if (!this.#next(':')) throw this.#error('expected `:`')
      object[key] = this.value(depth + 1)
      if (this.#next('}')) return object as { readonly [key: string]: ExactJson }
      if (!this.#next(',')) throw this.#error('expected `,` or `}`')
    }
  }

  #array(depth: number): ExactJson {
    const array: ExactJson[] = []
    this.#at++
    if (this.#next(']')) return array
    for (;;) {
      array.push(this.value(depth + 1))
      if (this.#next(']')) return array
      if (!this.#next(',')) throw this.#error('expected `,` or `]`')
    }
  }

  #string(): string {
    let result = ''
    this.#at++
    for (;;) {
      const start = this.#at
      let code = this.#text.charCodeAt(this.#at)
      while (code !== QUOTE && code !== BACKSLASH && code >= 0x20) code = this.#text.charCodeAt(++this.#at)
      result += this.#text.slice(start, this.#at)
      const character = this.#text[this.#at]
      if (character === '"') {
        this.#at++
        return result
      }
      if (character !== '\\') throw this.#error('unterminated string, or a control character in it')
      result += this.#escape()
    }
  }

  #escape(): string {
    const name = this.#text[this.#at + 1] ?? ''
    if (name === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#error('invalid escape')
      this.#at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const character = ESCAPES[name]
    if (character === undefined) throw this.#error('invalid escape')
    this.#at += 2
    return character
  }

  #number(): ExactJson {
    INTEGER.lastIndex = this.#at
    if (!INTEGER.test(this.#text)) throw this.#error('expected a value')
    const digits = this.#text.slice(this.#at, INTEGER.lastIndex)
    const after = this.#text[INTEGER.lastIndex] ?? ''
    if ('.eE'.includes(after) && after !== '') throw this.#error('only integers are numbers in Cedar')
    if (digits === '-0') throw this.#error('only integers are numbers in Cedar, and -0 is none')
    const number = Number(digits)
    const exact = Number.isSafeInteger(number) ? number : BigInt(digits)
    if (typeof exact === 'bigint' && BigInt.asIntN(64, exact) !== exact) {
      throw this.#error(`\`${digits.slice(0, 40)}\` does not fit into 64 bits`)
    }
    this.#at = INTEGER.lastIndex
    return exact
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('expected a value')
    this.#at += word.length
    return value
  }

  #next(character: string): boolean {
    this.#space()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  #error(message: string): CedarError {
    const before = this.#text.slice(0, this.#at)
    const line = before.split('\n').length
    const column = this.#at - before.lastIndexOf('\n')
    return new CedarError('json_invalid', `${line}:${column}: ${message}`, {
      problems: [{ severity: 'error', message, line, column }],
    })
  }
}
