import type { PolicyJson } from './official.ts'
import { type PolicyPart, scan } from './policy-text.ts'

/**
 * Policies made by a program differ in a few texts only. What is left when these are taken out is the shape; the
 * official parser reads each shape once, with a mark in the place of each text, and the texts are put into what it gave.
 * A text is taken out only where the parser does nothing with it but copy it.
 */
export interface PolicyShape {
  /** The policy with a mark for each text. Policies of the same shape have the same. */
  readonly marked: string
  /** The texts, by the number in their mark. */
  readonly texts: readonly string[]
}

// Private use: belongs to no script. A policy that has it in its own text is not taken apart.
const MARK = '\ue000'

/** Undefined where nothing can be taken out. */
export function shapeOf(policy: string): PolicyShape | undefined {
  if (policy.includes(MARK)) return undefined
  const texts: string[] = []
  let marked = ''
  let from = 0
  let before = ''
  let pending: { readonly start: number; readonly end: number } | undefined
  const takeOut = (after: string): void => {
    // Keys of a record are compared with each other by the parser.
    if (pending !== undefined && after !== ':') {
      marked += `${policy.slice(from, pending.start)}"${MARK}${texts.length}${MARK}"`
      texts.push(policy.slice(pending.start + 1, pending.end - 1))
      from = pending.end
    }
    pending = undefined
  }
  scan(policy, (token, start, end) => {
    if (token === 'space') return
    const text = policy.slice(start, end)
    takeOut(text)
    // A pattern is taken apart by the parser.
    if (token === 'string' && before !== 'like' && isPlain(text)) pending = { start, end }
    before = text
  })
  takeOut('')
  return texts.length === 0 ? undefined : { marked: marked + policy.slice(from), texts }
}

/** Whether the text between the quotes is the value as it stands. */
function isPlain(text: string): boolean {
  if (text.length < 2 || !text.endsWith('"')) return false
  for (let i = 1; i < text.length - 1; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x5c) return false
  }
  return true
}

/** The JSON form of a policy, from that of its shape. */
export function fillIn(shape: PolicyJson, texts: readonly string[]): PolicyJson {
  // Texts are put in the place of texts: the form stays the same.
  return replaceTexts(shape, texts) as PolicyJson
}

function replaceTexts(json: unknown, texts: readonly string[]): unknown {
  if (typeof json === 'string') return json.startsWith(MARK) ? texts[Number(json.slice(1, -1))] : json
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map((item) => replaceTexts(item, texts))
  const filled: Record<string, unknown> = {}
  for (const name of Object.keys(json)) {
    const value = replaceTexts(Reflect.get(json, name), texts)
    if (name === '__proto__') Object.defineProperty(filled, name, { value, enumerable: true })
    else filled[name] = value
  }
  return filled
}

const MAX_SHAPES = 4096

/** Remembers shapes. */
export class ShapeCache {
  readonly #seen = new Map<string, PolicyJson | undefined>()

  /** `parse` is called with the policy itself, or with its shape; gives undefined where it finds an error. */
  jsonOf(policy: string, part: PolicyPart, parse: (text: string) => PolicyJson | undefined): PolicyJson | undefined {
    const shape = part.largeIntegers.length > 0 ? undefined : shapeOf(policy)
    if (shape === undefined) return parse(policy)
    const known = this.#seen.get(shape.marked)
    if (known !== undefined) return fillIn(known, shape.texts)
    // Only a shape that comes again is worth a parse of its own.
    if (!this.#seen.has(shape.marked)) {
      if (this.#seen.size >= MAX_SHAPES) this.#seen.clear()
      this.#seen.set(shape.marked, undefined)
      return parse(policy)
    }
    const json = parse(shape.marked)
    this.#seen.set(shape.marked, json)
    return json === undefined ? parse(policy) : fillIn(json, shape.texts)
  }
}
