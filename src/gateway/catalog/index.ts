export type { Catalog, CatalogChanges } from './catalog.ts'
export {
  type CatalogEntity,
  type Model,
  type Timeouts,
  type ToolEntry,
  type ToolSettings,
  toolEntityId,
  type Upstream,
  type UpstreamKind,
} from './entries.ts'
export { type CatalogManifest, catalogSections } from './sections.ts'
