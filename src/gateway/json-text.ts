import type { Json } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'

/**
 * Reads JSON that every reader understands alike, because what is decided here must be what the upstream acts on.
 * Throws `body_not_json` for what is not JSON in UTF-8, and `body_invalid` for what readers disagree about: a key that
 * stands twice in an object, a number that does not fit, nesting beyond 64.
 */
export function parseStrictJson(bytes: Uint8Array): Json {
  let text: string
  let value: Json
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    throw new GatewayError('body_not_json', 'the body is not JSON in UTF-8')
  }
  checkUnambiguous(text)
  return value
}

const MAX_DEPTH = 64

/** `text` is well-formed JSON. */
function checkUnambiguous(text: string): void {
  // The keys of each open object, `undefined` for an open list.
  const open: (Set<string> | undefined)[] = []
  let keyIsNext = false
  for (let at = 0; at < text.length; at++) {
    switch (text.charAt(at)) {
      case '"': {
        const end = endOfString(text, at)
        if (keyIsNext) addKey(open.at(-1), text.slice(at, end + 1))
        keyIsNext = false
        at = end
        break
      }
      case '{':
      case '[':
        keyIsNext = text.charAt(at) === '{'
        open.push(keyIsNext ? new Set() : undefined)
        if (open.length > MAX_DEPTH) throw new GatewayError('body_invalid', `nested deeper than ${MAX_DEPTH}`)
        break
      case '}':
      case ']':
        open.pop()
        keyIsNext = false
        break
      case ',':
        keyIsNext = open.at(-1) !== undefined
        break
      default:
        at = checkNumber(text, at)
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = start + 1
  while (text.charAt(end) !== '"') end += text.charAt(end) === '\\' ? 2 : 1
  return end
}

function addKey(keys: Set<string> | undefined, quoted: string): void {
  const key: string = quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1)
  if (keys?.has(key) === true) throw new GatewayError('body_invalid', `the key \`${key}\` stands twice in an object`)
  keys?.add(key)
}

const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y

/** Returns the index of the last character of a number that begins at `start`, or `start`. */
function checkNumber(text: string, start: number): number {
  NUMBER.lastIndex = start
  const match = NUMBER.exec(text)
  if (match === null) return start
  const value = Number(match[0])
  const isInteger = match[1] === undefined && match[2] === undefined
  if (!Number.isFinite(value) || (isInteger && !Number.isSafeInteger(value))) {
    throw new GatewayError('body_invalid', `the number \`${match[0].slice(0, 40)}\` does not fit; send it as text`)
  }
  return start + match[0].length - 1
}
