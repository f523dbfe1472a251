import type { Uid } from '../../cedar/index.ts'
import type { SchemaInForce } from '../schema-in-force.ts'

/**
 * The actions and groups of these names. A string says why they are refused: they are not in the schema, not in what a
 * pack offers, or they would let in something elevated.
 */
export function actionsNamed(
  given: readonly unknown[],
  { among, elevated }: { readonly among: readonly string[] | undefined; readonly elevated: boolean },
  { description: { actions } }: SchemaInForce,
): readonly Uid[] | string {
  const byId = new Map(actions.map((action) => [action.id, action]))
  const groupsOf = (id: string): ReadonlySet<string> => {
    const found = new Set<string>([id])
    for (const one of found) for (const parent of byId.get(one)?.parents ?? []) found.add(parent)
    return found
  }
  const uids: Uid[] = []
  for (const [index, name] of given.entries()) {
    const action = typeof name === 'string' ? byId.get(name) : undefined
    if (action === undefined) return `entry ${index + 1}: there is no action \`${shown(name)}\` in the schema`
    const { id, uid } = action
    if (uids.includes(uid)) return `entry ${index + 1}: stands there twice`
    if (among !== undefined && !among.some((one) => groupsOf(id).has(one))) {
      return `entry ${index + 1}: \`${id}\` is none of ${among.map((one) => `\`${one}\``).join(', ')}`
    }
    // A group lets in whatever is in it.
    const within = actions.filter((one) => groupsOf(one.id).has(id))
    const high = within.find((one) => groupsOf(one.id).has(ELEVATED))
    if (!elevated && high !== undefined) {
      return `entry ${index + 1}: \`${high.id}\` is elevated, which this pack never grants`
    }
    uids.push(uid)
  }
  return uids
}

const ELEVATED = 'elevated'

function shown(name: unknown): string {
  return String(name).slice(0, 64)
}
