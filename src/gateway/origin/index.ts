export { type ArgumentLeaf, argumentLeaves } from './argument-leaves.ts'
export type { Source } from './conversation.ts'
export { type ConversationMemory, createOriginMemory, type OriginLimits } from './origin-memory.ts'
