export { type ModelUpstream, type ReceivedRequest, startModelUpstream, type UpstreamOptions } from './model/server.ts'
export type { SentMessage } from './office/mailbox.ts'
export { type OfficeUpstream, startOfficeUpstream } from './office/server.ts'
