import type { Pattern } from './expression.ts'
import { type Evaluate, type Frame, findEntity, isIn, isInAny, type Test } from './frame.ts'
import { asEntity, asText, mismatch } from './type-check.ts'
import { EntityRef, type Value } from './value.ts'

/** `left in right`: one of the entities on the right is the left one, or an ancestor of it. */
export function compileIn(left: Evaluate, right: Evaluate): Test {
  return (frame) => {
    const ref = asEntity(left(frame))
    const target = right(frame)
    if (typeof target === 'object' && target.kind === 'entity') return isIn(frame, ref, target)
    if (typeof target !== 'object' || target.kind !== 'set') throw mismatch('entity or set of entities', target)
    // All are looked at before any is compared: one that is no entity is an error, whatever the others are.
    if (target.entities === undefined) throw mismatch('entity', target.elements.find(isOther) ?? target)
    return isInAny(frame, ref, target.entities)
  }
}

const isOther = (element: Value): boolean => !(element instanceof EntityRef)

/** `of is type`, and `of is type in within`. */
export function compileIs(of: Evaluate, type: string, within: Evaluate | undefined): Test {
  const isType: Test = (frame) => asEntity(of(frame)).type === type
  if (within === undefined) return isType
  const isWithin = compileIn(of, within)
  return (frame) => isType(frame) && isWithin(frame)
}

/** `of has a.b.c`: each attribute is there, and leads to something that can have the next one. */
export function compileHas(of: Evaluate, path: readonly string[]): Test {
  return (frame) => {
    let base: Value | undefined = of(frame)
    for (const name of path) {
      base = attributeOf(frame, base, name)
      if (base === undefined) return false
    }
    return true
  }
}

function attributeOf(frame: Frame, base: Value, name: string): Value | undefined {
  if (typeof base === 'object') {
    if (base.kind === 'record') return base.fields[name]
    if (base.kind === 'entity') return findEntity(frame, base)?.attributes[name]
  }
  throw mismatch('record or entity', base)
}

export function compileLike(of: Evaluate, pattern: Pattern): Test {
  const matches = matcherOf(pattern)
  return (frame) => matches(asText(of(frame)))
}

/** Whether a text matches. Takes each literal part at the first place it can be: linear but for the searches. */
function matcherOf(pattern: Pattern): (text: string) => boolean {
  const literals = pattern.filter((part) => part !== undefined)
  const first = pattern[0]
  if (pattern.length === literals.length) {
    const whole = literals.join('')
    return (text) => text === whole
  }
  const last = pattern.at(-1)
  const middle = literals.slice(first === undefined ? 0 : 1, last === undefined ? undefined : -1)
  const [prefix, suffix] = [first ?? '', last ?? '']
  return (text) => {
    if (text.length < prefix.length + suffix.length) return false
    if (!text.startsWith(prefix) || !text.endsWith(suffix)) return false
    let at = prefix.length
    const end = text.length - suffix.length
    for (const part of middle) {
      const found = text.indexOf(part, at)
      if (found === -1 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
