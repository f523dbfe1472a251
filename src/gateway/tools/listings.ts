import { isPermitted } from '../../access/index.ts'
import type { Context, Json } from '../../kernel/index.ts'
import { digestJson } from '../../kernel/index.ts'
import type { Upstream } from '../catalog/index.ts'
import type { GatewayPorts } from '../ports.ts'
import { isObject, type JsonObject } from './json-rpc.ts'
import { documentQuestion, promptQuestion, toolQuestion } from './methods.ts'
import { pinOf } from './pin-tools.ts'

/** A listing as this caller may see it, and how much of it that is. */
export interface Filtered {
  readonly result: JsonObject
  readonly detail: { readonly [name: string]: Json }
}

type Shows = (item: JsonObject) => boolean

/**
 * Leaves out of a result what its reader could not use: of tools those that are in quarantine or that no arguments would
 * make callable, of resources and prompts those that may not be read. A listing is known by what it holds and not by the
 * request it answers: on a resumed stream there is none. `undefined` for a result that lists nothing.
 */
export function filterListing(
  ctx: Context,
  upstream: Upstream,
  result: JsonObject,
  ports: Pick<GatewayPorts, 'access' | 'catalog'>,
): Filtered | undefined {
  const kept: Record<string, Json> = { ...result }
  const detail: Record<string, Json> = {}
  for (const [field, showsFor] of Object.entries(LISTINGS)) {
    const items = result[field]
    if (!Array.isArray(items)) continue
    const shows = showsFor(ctx, upstream, ports)
    const shown = items.filter((item): item is JsonObject => isObject(item) && shows(item))
    kept[field] = shown
    detail[field] = { listed: items.length, shown: shown.length, digest: digestJson(shown.map(nameOf)) }
  }
  if (Object.keys(detail).length === 0) return undefined
  // MCP 2026-07-28, caching: what depends on who asks is kept by nobody else.
  if ('cacheScope' in kept || 'ttlMs' in kept || 'resultType' in kept) kept.cacheScope = 'private'
  return { result: kept, detail }
}

const LISTINGS: Readonly<
  Record<string, (ctx: Context, upstream: Upstream, ports: Pick<GatewayPorts, 'access' | 'catalog'>) => Shows>
> = {
  tools:
    (ctx, upstream, { access, catalog }) =>
    (item) => {
      const pin = pinOf(item)
      const tool = pin === undefined ? undefined : catalog.tool(upstream.id, pin.name)
      if (pin === undefined || tool?.status !== 'accepted' || tool.digest !== pin.digest) return false
      // Not `decide` with no arguments: a policy about an argument would then forbid or permit by its absence. What is
      // asked is whether there are arguments with which the call could be allowed.
      return access.couldAllow(ctx, { ...toolQuestion(upstream, pin.name, tool), call: 'unknown' })
    },
  resources: (ctx, upstream, { access }) => documentsShown(ctx, upstream, access, 'uri'),
  resourceTemplates: (ctx, upstream, { access }) => documentsShown(ctx, upstream, access, 'uriTemplate'),
  prompts:
    (ctx, upstream, { access }) =>
    ({ name }) =>
      typeof name === 'string' && access.couldAllow(ctx, { ...promptQuestion(upstream, name), call: 'unknown' }),
}

/** Members of results that list something. */
export const LISTED: readonly string[] = Object.keys(LISTINGS)

function documentsShown(ctx: Context, upstream: Upstream, access: GatewayPorts['access'], field: string): Shows {
  return (item) => {
    const uri = item[field]
    if (typeof uri !== 'string') return false
    try {
      return isPermitted(access.decide(ctx, documentQuestion(upstream, uri)))
    } catch {
      // A URI that could not be read here is not shown either.
      return false
    }
  }
}

function nameOf(item: JsonObject): Json {
  return item.name ?? item.uri ?? item.uriTemplate ?? null
}
