export { anthropicProtocol } from './anthropic.ts'
export type { ListTools } from './known-tools.ts'
export { openAiProtocol } from './openai.ts'
