export { type Catalog, type CatalogChanges, catalogSections, openCatalog, type ToolEntry } from './catalog/index.ts'
export { GATEWAY_STATUS, GatewayError, type GatewayErrorCode } from './errors.ts'
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
export { type ToolReview, toolReview } from './tools/index.ts'
