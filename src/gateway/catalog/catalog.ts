import type { CatalogEntity, Model, ToolEntry, Upstream } from './entries.ts'
import type { CatalogManifest } from './sections.ts'

/**
 * What stands behind the gateway of one tenant. What is read comes from memory and is the last committed state; what is
 * written is in the store before the call resolves.
 */
export interface Catalog {
  upstream(id: string): Upstream | undefined
  upstreams(): readonly Upstream[]
  model(id: string): Model | undefined
  /** In the order of their ids. */
  models(): readonly Model[]
  tool(server: string, name: string): ToolEntry | undefined
  /** In the order of their names. */
  tools(server: string): readonly ToolEntry[]
  /**
   * The tools that a model can mean by this name: as their server calls them, or with the server before it as clients
   * prefix names (`office__read_file`, `mcp_office_read_file`). More than one where several servers have a tool of that
   * name; none where the client runs it itself.
   */
  toolsMeant(name: string): readonly ToolEntry[]
  /** The header that carries Sallyport's own credential for this upstream. Only for the moment of sending. */
  credentialHeader(upstream: Upstream): readonly [name: string, value: string] | undefined
  /** Adds or replaces tools of one server. What has `digest`, `status` and `accepted` to be is the caller's knowledge. */
  saveTools(server: string, tools: readonly ToolEntry[]): Promise<void>
  /** Brings the catalogue to what the manifests declare together; applying them again changes nothing. */
  apply(...manifests: readonly CatalogManifest[]): Promise<CatalogChanges>
  /** The catalogue as policies see it. */
  entities(): readonly CatalogEntity[]
  /** Calls `listener` after each committed change. Returns how to stop it. */
  onChange(listener: () => void): () => void
}

/** What applying a manifest did; one entry for each thing it declares. */
export type CatalogChanges = readonly {
  readonly kind: 'Upstream' | 'Model'
  readonly id: string
  readonly effect: 'created' | 'updated' | 'unchanged'
  readonly fields: readonly string[]
}[]
