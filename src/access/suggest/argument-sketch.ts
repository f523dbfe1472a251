/** What is remembered of the arguments of many calls: enough to say how their values are alike, and no more. */
export interface ArgumentSketch {
  calls: number
  /** By JSON pointer; `undefined` where calls have too many different ones to say anything. */
  pointers: Map<string, PointerSketch> | undefined
}

export interface PointerSketch {
  seen: number
  /** How often each value came; `undefined` where there are too many. */
  values: Map<string, number> | undefined
  prefix: string
  suffix: string
}

/** How the values of one argument are alike. */
export type ArgumentPattern =
  | { readonly pointer: string; readonly texts: readonly string[] }
  | { readonly pointer: string; readonly prefix: string; readonly suffix: string }

const MOST_POINTERS = 16
const MOST_VALUES = 24
const LONGEST = 200

export function newSketch(): ArgumentSketch {
  return { calls: 0, pointers: new Map() }
}

export function addCall(sketch: ArgumentSketch, given: Readonly<Record<string, string>>): void {
  sketch.calls++
  if (sketch.pointers === undefined) return
  for (const pointer in given) {
    const value = given[pointer] ?? ''
    const known = sketch.pointers.get(pointer)
    if (known !== undefined) addValue(known, value)
    else if (sketch.pointers.size < MOST_POINTERS && pointer.length <= LONGEST && pointer.isWellFormed()) {
      sketch.pointers.set(pointer, sketchOf(value))
    } else {
      sketch.pointers = undefined
      return
    }
  }
}

export function mergeSketch(into: ArgumentSketch, from: ArgumentSketch): void {
  into.calls += from.calls
  if (from.pointers === undefined) into.pointers = undefined
  if (into.pointers === undefined) return
  for (const [pointer, more] of from.pointers ?? []) {
    const known = into.pointers.get(pointer)
    if (known === undefined) into.pointers.set(pointer, { ...more, values: more.values && new Map(more.values) })
    else mergePointer(known, more)
  }
}

const ENOUGH_CALLS = 20
const ENOUGH_VALUES = 6
const MOST_TEXTS = 6

/**
 * What all the calls have in common, for arguments that every call has. A list of values counts only where each of them
 * came more than once, so that another one is not to be expected; a beginning only over many values.
 */
export function patternsOf({ calls, pointers }: ArgumentSketch): readonly ArgumentPattern[] {
  if (pointers === undefined || calls < ENOUGH_CALLS) return []
  const found: ArgumentPattern[] = []
  for (const [pointer, { seen, values, prefix, suffix }] of [...pointers].sort(byName)) {
    if (seen < calls) continue
    const isClosed =
      values !== undefined &&
      values.size <= MOST_TEXTS &&
      [...values].every(([text, times]) => times > 1 && text.isWellFormed())
    if (isClosed) found.push({ pointer, texts: [...values.keys()].sort() })
    else if (values === undefined || values.size >= ENOUGH_VALUES) {
      const pattern = { pointer, prefix: upToMark(prefix), suffix: fromMark(suffix) }
      const isText = pattern.prefix.isWellFormed() && pattern.suffix.isWellFormed()
      if (isText && (pattern.prefix !== '' || pattern.suffix !== '')) found.push(pattern)
    }
  }
  return found
}

function sketchOf(value: string): PointerSketch {
  const isLong = value.length > LONGEST
  return {
    seen: 1,
    values: isLong ? undefined : new Map([[value, 1]]),
    prefix: value.slice(0, LONGEST),
    suffix: value.slice(-LONGEST),
  }
}

function addValue(sketch: PointerSketch, value: string): void {
  sketch.seen++
  const { values } = sketch
  if (values !== undefined) {
    const count = values.get(value)
    if (count !== undefined) {
      values.set(value, count + 1)
      return
    }
    if (values.size < MOST_VALUES && value.length <= LONGEST) values.set(value, 1)
    else sketch.values = undefined
  }
  narrow(sketch, value, value)
}

function mergePointer(into: PointerSketch, from: PointerSketch): void {
  into.seen += from.seen
  narrow(into, from.prefix, from.suffix)
  if (into.values === undefined || from.values === undefined) {
    into.values = undefined
    return
  }
  for (const [value, count] of from.values) into.values.set(value, (into.values.get(value) ?? 0) + count)
  if (into.values.size > MOST_VALUES) into.values = undefined
}

function narrow(sketch: PointerSketch, start: string, end: string): void {
  let length = 0
  while (length < sketch.prefix.length && sketch.prefix[length] === start[length]) length++
  if (length < sketch.prefix.length) sketch.prefix = sketch.prefix.slice(0, length)
  let last = 0
  while (last < sketch.suffix.length && sketch.suffix.at(-1 - last) === end.at(-1 - last)) last++
  if (last < sketch.suffix.length) sketch.suffix = last === 0 ? '' : sketch.suffix.slice(-last)
}

/** A beginning means something up to a mark: `src/`, `T-`. */
function upToMark(prefix: string): string {
  return /^.*[/:._@#-]/su.exec(prefix)?.[0] ?? ''
}

/** An end means something from a mark on that names more than a kind: `@example.com`, `.example.com`. */
function fromMark(suffix: string): string {
  const at = suffix.search(/[@./]/)
  const found = at < 0 ? '' : suffix.slice(at)
  return found.length >= 4 ? found : ''
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
