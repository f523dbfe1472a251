import { z } from 'zod'
import type { Json } from '../../kernel/index.ts'
import type { Queries, TenantTables } from '../../store/index.ts'
import type { Model, ToolEntry, Upstream } from './entries.ts'

/** The catalogue at one moment. Never changed: a change makes a new one. */
export interface Snapshot {
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** The credential of an upstream, as it was sealed. */
  readonly sealed: ReadonlyMap<string, Uint8Array>
  /** In the order of their ids. */
  readonly models: ReadonlyMap<string, Model>
  /** By server, then in the order of their names. */
  readonly tools: ReadonlyMap<string, ReadonlyMap<string, ToolEntry>>
}

/** What the column `settings` of an upstream holds. */
export const upstreamSettings = z.object({
  timeouts: z.object({ connect: z.number(), firstByte: z.number(), idle: z.number() }),
  trusted: z.boolean(),
  acceptFirst: z.boolean(),
  tools: z.record(z.string(), z.object({ guarded: z.array(z.string()) })),
})

/** What the column `attributes` of a model holds. */
export const modelAttributes = z.object({
  price: z.object({ currency: z.string(), input: z.number(), output: z.number() }).exactOptional(),
})

export type UpstreamSettings = z.infer<typeof upstreamSettings>

/** `before` lends its entries where nothing has changed, so that an upstream stays the same object. */
export async function loadSnapshot(q: Queries<TenantTables>, before?: Snapshot): Promise<Snapshot> {
  const upstreamRows = await q.selectFrom('upstreams').selectAll().orderBy('id').execute()
  const modelRows = await q.selectFrom('models').selectAll().orderBy('id').execute()
  const toolRows = await q.selectFrom('tools').selectAll().orderBy('server').orderBy('name').execute()

  const upstreams = new Map<string, Upstream>()
  const sealed = new Map<string, Uint8Array>()
  for (const row of upstreamRows) {
    const upstream: Upstream = {
      id: row.id,
      kind: row.kind,
      url: row.url,
      ...upstreamSettings.parse(JSON.parse(row.settings)),
    }
    const known = before?.upstreams.get(row.id)
    const isSame = known !== undefined && JSON.stringify(known) === JSON.stringify(upstream)
    upstreams.set(row.id, isSame ? known : upstream)
    if (row.sealed_credential !== null) sealed.set(row.id, row.sealed_credential)
  }
  const models = new Map<string, Model>()
  for (const row of modelRows) {
    const upstream = upstreams.get(row.upstream_id) // a foreign key: it is there
    if (upstream === undefined) continue
    const attributes = modelAttributes.parse(JSON.parse(row.attributes))
    models.set(row.id, { id: row.id, upstream, upstreamModel: row.upstream_model, ...attributes })
  }
  const tools = new Map<string, Map<string, ToolEntry>>()
  for (const row of toolRows) {
    const ofServer = tools.get(row.server) ?? new Map<string, ToolEntry>()
    tools.set(row.server, ofServer)
    ofServer.set(row.name, toolOf(row, upstreams.get(row.server)))
  }
  return { upstreams, sealed, models, tools }
}

function toolOf(row: TenantTables['tools'], server: Upstream | undefined): ToolEntry {
  const { accepted_digest: digest, accepted_definition: definition } = row
  return {
    server: row.server,
    name: row.name,
    digest: row.digest,
    definition: parseDefinition(row.definition),
    status: row.status,
    accepted: digest === null || definition === null ? undefined : { digest, definition: parseDefinition(definition) },
    guarded: ownOf(server?.tools, row.name)?.guarded ?? [],
    decidedBy: row.decided_by ?? undefined,
    seenAt: row.seen_at,
    decidedAt: row.decided_at ?? undefined,
  }
}

/** Names of tools come from their servers: `constructor` is not a tool that somebody configured. */
function ownOf<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
}

function parseDefinition(text: string): Json {
  return JSON.parse(text) as Json // JSON.parse gives nothing else
}
