import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
} from 'yaml'
import type { TextEdit } from '../../cedar/index.ts'

/** A YAML text whose values can be changed where they stand; comments and layout stay. */
export interface YamlEdits {
  readonly edits: readonly TextEdit[]
  /** `file:line: …`, what cannot be changed. */
  readonly problems: readonly string[]
  /** The value at the top, or undefined where it is no map. */
  readonly root: YamlMap | undefined
  /** The scalar as it is written becomes this one. */
  replace(scalar: YamlText, by: string): void
  /** What the scalar begins with becomes this. */
  replaceStart(scalar: YamlText, prefix: string, by: string): void
  /** Any part of the scalar that is written as it is read. */
  replaceAll(scalar: YamlText, from: string, to: string): void
  /** An item of a list, or an entry of a map, becomes several, each with another text in the place of `scalar`. */
  multiply(item: YamlPart, scalar: YamlText, texts: readonly string[]): void
  complain(part: YamlPart, message: string): void
}

/** Something that stands in the text. */
export interface YamlPart {
  readonly start: number
  readonly end: number
}

export interface YamlText extends YamlPart {
  readonly kind: 'text'
  readonly value: string
  readonly node: Scalar
}

export interface YamlList extends YamlPart {
  readonly kind: 'list'
  readonly items: readonly YamlValue[]
}

export interface YamlMap extends YamlPart {
  readonly kind: 'map'
  /** Those that `<<` brings along come first. */
  readonly entries: readonly YamlEntry[]
}

export interface YamlEntry extends YamlPart {
  readonly key: YamlText
  readonly value: YamlValue | undefined
}

/** Numbers and the like are of no interest here. */
export type YamlValue = YamlText | YamlList | YamlMap | (YamlPart & { readonly kind: 'other' })

/** The text has been read before: it is YAML. */
export function editYaml(text: string, file: string): YamlEdits {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true })
  const edits: TextEdit[] = []
  const problems: string[] = []
  const complain = (part: YamlPart, message: string): void => {
    problems.push(`${file}:${lines.linePos(part.start).line}: ${message}`)
  }
  const put = (part: YamlText, from: number, to: number, by: string): void => {
    edits.push({ start: from, end: to, by })
    void part
  }
  const root = readNode(document.contents, document)
  return {
    edits,
    problems,
    root: root?.kind === 'map' ? root : undefined,
    complain,
    replace(scalar, by) {
      const { start, end } = insideOf(scalar)
      if (text.slice(start, end) === scalar.value) put(scalar, start, end, by)
      else complain(scalar, `\`${scalar.value}\` is written in a way that cannot be changed in place`)
    },
    replaceStart(scalar, prefix, by) {
      const { start } = insideOf(scalar)
      if (text.startsWith(prefix, start)) put(scalar, start, start + prefix.length, by)
      else complain(scalar, `\`${scalar.value}\` is written in a way that cannot be changed in place`)
    },
    replaceAll(scalar, from, to) {
      const { start, end } = insideOf(scalar)
      const count = scalar.value.split(from).length - 1
      const places: number[] = []
      for (let at = text.indexOf(from, start); at >= 0 && at < end; at = text.indexOf(from, at + from.length))
        places.push(at)
      if (places.length === count) for (const at of places) put(scalar, at, at + from.length, to)
      else complain(scalar, `\`${scalar.value}\` is written in a way that cannot be changed in place`)
    },
    multiply(item, scalar, texts) {
      const { start, end } = insideOf(scalar)
      const own = text.slice(item.start, item.end)
      const whole = own.trimEnd()
      const before = text.slice(text.lastIndexOf('\n', item.start - 1) + 1, item.start)
      const isOnItsOwn = /^\s*(?:- +)*$/.test(before)
      if (text.slice(start, end) !== scalar.value || (!isOnItsOwn && whole.includes('\n'))) {
        complain(scalar, `\`${scalar.value}\` is written in a way that cannot be changed in place`)
        return
      }
      const copies = texts.map((by) => whole.slice(0, start - item.start) + by + whole.slice(end - item.start))
      const dash = before.lastIndexOf('-')
      const again = dash < 0 ? before : `${' '.repeat(dash)}${before.slice(dash)}`
      edits.push({
        start: item.start,
        end: item.start + whole.length,
        by: copies.join(isOnItsOwn ? `\n${again}` : ', '),
      })
    },
  }
}

function insideOf({ node, start, end }: YamlText): YamlPart {
  return node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE'
    ? { start: start + 1, end: end - 1 }
    : { start, end }
}

function readNode(node: unknown, document: Document, depth = 0): YamlValue | undefined {
  if (depth > 50) return undefined
  const resolved = isAlias(node) ? node.resolve(document) : node
  if (isScalar(resolved)) return textOf(resolved) ?? { kind: 'other', ...rangeOf(resolved) }
  if (isSeq(resolved)) {
    const items = resolved.items.map((item) => readNode(item, document, depth + 1)).filter((item) => item !== undefined)
    return { kind: 'list', ...rangeOf(resolved), items }
  }
  if (!isMap(resolved)) return undefined
  const entries = resolved.items.flatMap((pair) => entriesOf(pair, document, depth + 1))
  return { kind: 'map', ...rangeOf(resolved), entries }
}

function entriesOf({ key, value }: Pair, document: Document, depth: number): readonly YamlEntry[] {
  if (isScalar(key) && key.value === '<<') {
    const merged = readNode(value, document, depth)
    const maps = merged?.kind === 'list' ? merged.items : [merged]
    return maps.flatMap((one) => (one?.kind === 'map' ? one.entries : []))
  }
  const text = isScalar(key) ? textOf(key) : undefined
  if (text === undefined) return []
  const read = readNode(value, document, depth)
  // An alias stands elsewhere.
  const end = isAlias(value) ? rangeOf(value).end : Math.max(text.end, read?.end ?? 0)
  return [{ start: text.start, end, key: text, value: read }]
}

function textOf(node: Scalar): YamlText | undefined {
  return typeof node.value === 'string' ? { kind: 'text', value: node.value, node, ...rangeOf(node) } : undefined
}

function rangeOf({ range }: Node): YamlPart {
  return { start: range?.[0] ?? 0, end: range?.[1] ?? 0 }
}

/** The value under a key; the last one counts, as it does for who reads the file. */
export function fieldOf(value: YamlValue | undefined, name: string): YamlValue | undefined {
  return value?.kind === 'map' ? value.entries.findLast(({ key }) => key.value === name)?.value : undefined
}

export function itemsOf(value: YamlValue | undefined): readonly YamlValue[] {
  return value?.kind === 'list' ? value.items : []
}

export function entriesIn(value: YamlValue | undefined): readonly YamlEntry[] {
  return value?.kind === 'map' ? value.entries : []
}
