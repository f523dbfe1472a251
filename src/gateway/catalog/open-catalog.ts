import type { KeyRing } from '../../keys/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import { applyCatalog, type CredentialVault } from './apply-catalog.ts'
import type { Catalog } from './catalog.ts'
import { entitiesOf } from './catalog-entities.ts'
import type { ToolEntry, Upstream, UpstreamKind } from './entries.ts'
import { loadSnapshot, type Snapshot } from './snapshot.ts'
import { type ToolNames, toolNames } from './tool-names.ts'

/** Opens the catalogue of the tenant whose store and keys these are. */
export async function openCatalog(options: {
  readonly store: TenantStore
  readonly keyRing: Pick<KeyRing, 'seal' | 'open'>
  /** Where manifests may take credentials from; only variables named for upstreams are ever read. */
  readonly environment: Readonly<Record<string, string | undefined>>
}): Promise<Catalog> {
  const { store } = options
  const vault = vaultOf(options.keyRing, options.environment)
  const listeners = new Set<() => void>()
  let current = viewOf(await store.read((q) => loadSnapshot(q)), vault)

  // One change after the other, so that the snapshots follow each other in the order of the commits.
  let last: Promise<unknown> = Promise.resolve()
  const change = <T>(work: (q: Queries<TenantTables>, before: Snapshot) => Promise<T>): Promise<T> => {
    const mine = last.then(async () => {
      const { result, after } = await store.write(async (q) => {
        const done = await work(q, current.snapshot)
        return { result: done, after: await loadSnapshot(q, current.snapshot) }
      })
      current = viewOf(after, vault)
      for (const listener of listeners) listener()
      return result
    })
    last = mine.catch(() => undefined)
    return mine
  }

  return {
    upstream: (id) => current.snapshot.upstreams.get(id),
    upstreams: () => [...current.snapshot.upstreams.values()],
    model: (id) => current.snapshot.models.get(id),
    models: () => [...current.snapshot.models.values()],
    tool: (server, name) => current.snapshot.tools.get(server)?.get(name),
    tools: (server) => [...(current.snapshot.tools.get(server)?.values() ?? [])],
    toolsMeant: (name) => current.names.meant(name),
    credentialHeader: (upstream) => current.credentials.get(upstream.id),
    saveTools: (server, tools) => change((q) => saveTools(q, server, tools)),
    apply: (...manifests) => change((q, before) => applyCatalog(q, manifests, before, vault)),
    entities: () => entitiesOf(current.snapshot),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

interface View {
  readonly snapshot: Snapshot
  readonly names: ToolNames
  readonly credentials: ReadonlyMap<string, readonly [name: string, value: string]>
}

function viewOf(snapshot: Snapshot, vault: CredentialVault): View {
  const credentials = new Map<string, readonly [string, string]>()
  for (const [id, sealed] of snapshot.sealed) {
    const upstream = snapshot.upstreams.get(id)
    if (upstream !== undefined) credentials.set(id, headerOf(upstream, vault.open(id, upstream.url, sealed)))
  }
  return { snapshot, names: toolNames(snapshot), credentials }
}

const HEADERS: Readonly<Record<UpstreamKind, (credential: string) => readonly [string, string]>> = {
  openai: (credential) => ['authorization', `Bearer ${credential}`],
  anthropic: (credential) => ['x-api-key', credential],
  mcp: (credential) => ['authorization', `Bearer ${credential}`],
}

function headerOf(upstream: Upstream, credential: string): readonly [string, string] {
  return HEADERS[upstream.kind](credential)
}

function vaultOf(keyRing: Pick<KeyRing, 'seal' | 'open'>, environment: Readonly<Record<string, string | undefined>>) {
  // A sealed credential belongs to one upstream at one server: moved to another row or URL it does not open.
  const purpose = (upstream: string, url: string) => `upstream ${upstream} ${new URL(url).origin}`
  return {
    variable: (name: string) => environment[name],
    seal: (upstream: string, url: string, credential: string) =>
      keyRing.seal(Buffer.from(credential), purpose(upstream, url)),
    open: (upstream: string, url: string, sealed: Uint8Array) =>
      Buffer.from(keyRing.open(sealed, purpose(upstream, url))).toString('utf8'),
  }
}

async function saveTools(q: Queries<TenantTables>, server: string, tools: readonly ToolEntry[]): Promise<void> {
  for (const tool of tools) {
    const row = {
      digest: tool.digest,
      definition: JSON.stringify(tool.definition),
      status: tool.status,
      accepted_digest: tool.accepted?.digest ?? null,
      accepted_definition: tool.accepted === undefined ? null : JSON.stringify(tool.accepted.definition),
      settings: '{}',
      decided_by: tool.decidedBy ?? null,
      seen_at: tool.seenAt,
      decided_at: tool.decidedAt ?? null,
    }
    await q
      .insertInto('tools')
      .values({ server, name: tool.name, ...row })
      .onConflict((c) => c.columns(['server', 'name']).doUpdateSet(row))
      .execute()
  }
}
