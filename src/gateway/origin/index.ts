export { argumentTexts } from './argument-texts.ts'
export { createOriginMemory } from './origin-memory.ts'
