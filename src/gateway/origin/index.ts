export { createOriginMemory } from './origin-memory.ts'
