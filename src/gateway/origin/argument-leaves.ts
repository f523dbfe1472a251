import type { Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'

/** One value of a call's arguments. */
export interface ArgumentLeaf {
  /** JSON pointer (RFC 6901) from the arguments object: `/to`, `/recipients/0`. */
  readonly pointer: string
  readonly value: string | number | boolean | null
  /** Keys on the way here that are data rather than the name of a field (`{"recipients": {"eve@x.co": true}}`). */
  readonly keys: readonly string[]
}

/**
 * The arguments, leaf by leaf. An empty object or array is no leaf: it says nothing. A key that no programmer would
 * give a field (one with `@`, a dot, a space, mostly digits …) is data, and belongs to every leaf below it.
 * Throws `arguments_invalid` for more than could be looked into and recorded while others wait.
 */
export function argumentLeaves(args: Json): readonly ArgumentLeaf[] {
  const leaves: ArgumentLeaf[] = []
  let pointers = 0
  // A list of what is still to visit, not a recursion: nesting is the caller's choice.
  const open: { readonly pointer: string; readonly value: Json; readonly keys: readonly string[] }[] = [
    { pointer: '', value: args, keys: [] },
  ]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { pointer, value, keys } = next
    pointers += pointer.length
    if (leaves.length + open.length > MOST_VALUES || pointers > MOST_POINTERS) throw tooMany()
    if (value === null || typeof value !== 'object') {
      leaves.push({ pointer, value, keys })
      continue
    }
    const isList = Array.isArray(value)
    if (isList && value.length > MOST_VALUES) throw tooMany()
    // An object used as a set carries its data in keys alone.
    if (keys.length > 0 && Object.keys(value).length === 0) leaves.push({ pointer, value: null, keys })
    if (Object.keys(value).length > MOST_VALUES) throw tooMany()
    const children = Object.entries(value).map(([key, child]: [string, Json]) => ({
      pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      value: child,
      keys: isList || isFieldName(key) ? keys : [...keys, key],
    }))
    open.push(...children.reverse())
  }
  return leaves
}

const MOST_VALUES = 10_000
/** Characters of all pointers together: a long key stands in the pointer of everything below it. */
const MOST_POINTERS = 1_000_000

function tooMany(): GatewayError {
  return new GatewayError('arguments_invalid', `the arguments hold more than ${MOST_VALUES} values, or too long names`)
}

function isFieldName(key: string): boolean {
  return /^[$_@]?[\p{L}_][\p{L}\p{N}_-]{0,63}$/u.test(key) && (key.match(/\p{N}/gu) ?? []).length < 5
}
