export type { Catalog, CatalogChanges } from './catalog.ts'
export { LOCAL_SERVER, localToolEntity } from './catalog-entities.ts'
export {
  type Model,
  type ToolEntry,
  toolEntityId,
  type Upstream,
  type UpstreamKind,
} from './entries.ts'
export { openCatalog } from './open-catalog.ts'
export { catalogSections } from './sections.ts'
