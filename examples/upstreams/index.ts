export { type ModelUpstream, startModelUpstream } from './model/server.ts'
export { type OfficeUpstream, startOfficeUpstream } from './office/server.ts'
