export type { Catalog, CatalogChanges } from './catalog.ts'
export { LOCAL_SERVER, localToolEntity } from './catalog-entities.ts'
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
export { openCatalog } from './open-catalog.ts'
export { type CatalogManifest, catalogSections } from './sections.ts'
