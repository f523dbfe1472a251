import { type Context, canonicalJson, digestJson, type Json } from '../../kernel/index.ts'
import type { ToolEntry, Upstream } from '../catalog/index.ts'
import type { GatewayPorts } from '../ports.ts'
import { isObject, type JsonObject } from './json-rpc.ts'

/** The digest of a whole definition, its description and schemas included; `undefined` for what is no definition. */
export function pinOf(definition: Json): { readonly name: string; readonly digest: string } | undefined {
  if (!isObject(definition) || typeof definition.name !== 'string' || !isToolName(definition.name)) return undefined
  try {
    if (canonicalJson(definition).length > MAX_DEFINITION) return undefined
    return { name: definition.name, digest: digestJson(definition) }
  } catch {
    return undefined
  }
}

// Characters. Nobody reads a longer one before accepting it.
const MAX_DEFINITION = 100_000
/** Tools of one server; names beyond that are not even kept in quarantine. */
const MAX_TOOLS = 2000

/**
 * Compares what a server says of its tools with what is known, and keeps it: a definition that is new or not the
 * accepted one goes into quarantine, with an alert in the log; the accepted one, when it comes back, leaves it.
 * With `acceptNew` what is new counts as accepted: for the first full listing of a server whose operator said so.
 * Resolves when that is in the store.
 */
export async function pinTools(
  ctx: Context,
  upstream: Upstream,
  definitions: readonly Json[],
  ports: Pick<GatewayPorts, 'catalog' | 'log' | 'report'>,
  acceptNew = false,
): Promise<void> {
  const now = ctx.clock.now()
  const changed = new Map<string, ToolEntry>()
  const room = MAX_TOOLS - ports.catalog.tools(upstream.id).length
  for (const definition of definitions) {
    const pin = pinOf(definition)
    if (pin === undefined) continue
    const known = changed.get(pin.name) ?? ports.catalog.tool(upstream.id, pin.name)
    if (known === undefined && changed.size >= room) continue
    const entry = entryFor(upstream, pin, definition, known, acceptNew && !changed.has(pin.name), now)
    if (entry !== undefined) changed.set(pin.name, entry)
  }
  if (changed.size === 0) return
  const entries = [...changed.values()]
  await ports.catalog.saveTools(upstream.id, entries)
  const quarantined = entries.filter(({ status }) => status === 'quarantined')
  if (quarantined.length > 0) await alert(ctx, upstream, quarantined, ports)
}

/** `undefined` where nothing changes. */
function entryFor(
  upstream: Upstream,
  pin: { readonly name: string; readonly digest: string },
  definition: Json,
  known: ToolEntry | undefined,
  acceptNew: boolean,
  now: number,
): ToolEntry | undefined {
  if (known?.digest === pin.digest) return undefined
  if (known === undefined) {
    return {
      server: upstream.id,
      name: pin.name,
      digest: pin.digest,
      definition,
      status: acceptNew ? 'accepted' : 'quarantined',
      accepted: undefined,
      guarded: Object.hasOwn(upstream.tools, pin.name) ? (upstream.tools[pin.name]?.guarded ?? []) : [],
      decidedBy: acceptNew ? 'first' : undefined,
      seenAt: now,
      decidedAt: acceptNew ? now : undefined,
    }
  }
  const accepted = known.status === 'accepted' ? { digest: known.digest, definition: known.definition } : known.accepted
  if (accepted?.digest === pin.digest) {
    return { ...known, digest: pin.digest, definition, status: 'accepted', accepted: undefined, seenAt: now }
  }
  return { ...known, digest: pin.digest, definition, status: 'quarantined', accepted, seenAt: now }
}

async function alert(
  ctx: Context,
  upstream: Upstream,
  entries: readonly ToolEntry[],
  ports: Pick<GatewayPorts, 'log' | 'report'>,
): Promise<void> {
  const tools = entries.map(({ name, digest, accepted }) => ({
    name,
    digest,
    ...(accepted === undefined ? {} : { accepted: accepted.digest }),
  }))
  const body: JsonObject = { alert: 'tool_quarantined', server: upstream.id, tools }
  try {
    await ports.log.append({
      kind: 'alert',
      tenant: ctx.tenant,
      txn: ctx.txn,
      trace: ctx.trace,
      at: ctx.clock.now(),
      body,
    })
  } catch (error) {
    // The quarantine stands without the alert.
    ports.report({ what: 'an alert about quarantined tools could not be recorded', txn: ctx.txn, error })
  }
}

function isToolName(name: string): boolean {
  return name.length >= 1 && name.length <= 200 && !/\p{C}/u.test(name)
}
