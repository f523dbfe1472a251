export { anthropicProtocol } from './anthropic.ts'
export { openAiProtocol } from './openai.ts'
