export { createMcpProtocol } from './mcp-protocol.ts'
export { ToolListings } from './tool-listings.ts'
export { type ToolReview, toolReview } from './tool-review.ts'
