export { createMcpProtocol } from './mcp-protocol.ts'
export { type ToolReview, toolReview } from './tool-review.ts'
