import type { Json } from '../../kernel/index.ts'

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
 */
export function argumentLeaves(args: Json): readonly ArgumentLeaf[] {
  const leaves: ArgumentLeaf[] = []
  // A list of what is still to visit, not a recursion: nesting is the caller's choice.
  const open: { readonly pointer: string; readonly value: Json; readonly keys: readonly string[] }[] = [
    { pointer: '', value: args, keys: [] },
  ]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { pointer, value, keys } = next
    if (value === null || typeof value !== 'object') {
      leaves.push({ pointer, value, keys })
      continue
    }
    const isList = Array.isArray(value)
    // An object used as a set carries its data in keys alone.
    if (keys.length > 0 && Object.keys(value).length === 0) leaves.push({ pointer, value: null, keys })
    const children = Object.entries(value).map(([key, child]: [string, Json]) => ({
      pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      value: child,
      keys: isList || isFieldName(key) ? keys : [...keys, key],
    }))
    open.push(...children.reverse())
  }
  return leaves
}

function isFieldName(key: string): boolean {
  return /^[$_@]?[\p{L}_][\p{L}\p{N}_-]{0,63}$/u.test(key) && (key.match(/\p{N}/gu) ?? []).length < 5
}
