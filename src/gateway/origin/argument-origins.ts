import type { Json } from '../../kernel/index.ts'
import type { ArgumentOrigins } from '../ports.ts'
import { argumentLeaves } from './argument-leaves.ts'
import type { Conversation } from './conversation.ts'
import { type ValueOrigin, valueOrigins } from './value-origin.ts'

/**
 * Where each argument's value was first seen in the conversation. A value of several parts may stand in `untrusted` and
 * in `model` at once; in `user`, `system` or `trusted` it stands only when every part is at least that good. An empty
 * value came from nowhere and stands in none.
 */
export function argumentOrigins(args: Json, conversation: Conversation): ArgumentOrigins {
  const texts: Record<string, string> = {}
  const pointers: Record<ValueOrigin['kind'], string[]> = {
    user: [],
    system: [],
    trusted: [],
    untrusted: [],
    model: [],
  }
  const sources: ArgumentOrigins['sources'][number][] = []
  let budget = SEARCH_BUDGET
  for (const { pointer, value, keys } of argumentLeaves(args)) {
    texts[pointer] = typeof value === 'string' ? value : JSON.stringify(value)
    // `{"bob@x.co": true}` is a set: the value says no more than the key.
    const values = keys.length > 0 && (value === null || typeof value === 'boolean') ? keys : [value, ...keys]
    const cost = values.reduce<number>((sum, part) => sum + costOf(part, conversation), 0)
    // Arguments that take too long to look into are not looked into: that must not be a way to be trusted.
    const isSearched = cost <= budget
    if (isSearched) budget -= cost
    const origins = isSearched ? values.flatMap((part) => valueOrigins(part, conversation)) : [UNSEARCHED]
    const heaviest = WEIGHT.flatMap((kind) => origins.find((origin) => origin.kind === kind) ?? [])[0]
    if (heaviest === undefined) continue
    const kinds = SUSPECT.filter((kind) => origins.some((origin) => origin.kind === kind))
    for (const kind of kinds.length > 0 ? kinds : [heaviest.kind]) pointers[kind].push(pointer)
    sources.push({ pointer, ...describe(heaviest) })
  }
  return { arguments: texts, origin: pointers, sources }
}

const SUSPECT = ['untrusted', 'model'] as const
// The heaviest first.
const WEIGHT = [...SUSPECT, 'trusted', 'system', 'user'] as const
const UNSEARCHED: ValueOrigin = { kind: 'untrusted', server: undefined }
/** Characters that may be looked through for one call. */
const SEARCH_BUDGET = 400_000_000

/** A text is read in several ways, and looked through for addresses; a number is looked for in each way to write it. */
function costOf(part: string | number | boolean | null, conversation: Conversation): number {
  return typeof part === 'number' ? 20 * conversation.size : conversation.size + 400 * String(part).length
}

function describe({ kind, server }: ValueOrigin): { readonly source: string; readonly trusted: boolean } {
  switch (kind) {
    case 'untrusted':
    case 'trusted':
      return { source: server === undefined ? 'tool' : `tool:${server}`, trusted: kind === 'trusted' }
    default:
      return { source: kind, trusted: kind !== 'model' }
  }
}
