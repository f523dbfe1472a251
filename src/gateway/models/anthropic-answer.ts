import type { Json } from '../../kernel/index.ts'
import type { Usage } from '../protocol.ts'
import type { AnswerContents } from './openai-answer.ts'
import { joinedReasoning, type ReasoningPlace } from './streamed-reasoning.ts'
import type { ToolCall } from './tool-calls.ts'
import { broken, eachMember, isObject, type JsonObject, objectsIn, pieceIn } from './untrusted-json.ts'

// What only says or thinks something. A block that is not in here and no tool_use (a tool that the upstream has run by
// itself, or something new) cannot be decided.
const HARMLESS = new Set(['text', 'thinking', 'redacted_thinking'])

/** Whether an answer or an event can hold a tool call, however it is spelled. */
export const SUSPICIOUS_MESSAGE = /_use|tooluse|input_json|\\u/i

/** Reads a message. Throws `upstream_broken` for content that nobody knows. */
export function readAnthropicAnswer(answer: JsonObject): AnswerContents {
  const blocks = objectsIn(answer.content)
  checkBlockPlaces(answer, blocks)
  return {
    calls: blocks.flatMap((block) => callOf(block) ?? []),
    usage: usageOf(answer.usage),
    reasoning: joinedReasoning(blocks.map(thoughtsOf)),
  }
}

/** By block of content. */
export const ANTHROPIC_REASONING: ReasoningPlace = {
  mark: '"thinking',
  piecesIn: ({ index, content_block: block, delta }) =>
    [block, delta].filter(isObject).map((place) => ({
      of: typeof index === 'number' ? index : 0,
      text: thoughtsOf(place),
    })),
}

// A redacted_thinking block holds nothing that anybody could read.
function thoughtsOf({ type, thinking }: JsonObject): string {
  return (type === 'thinking' || type === 'thinking_delta') && typeof thinking === 'string' ? thinking : ''
}

/** The call that a block of content is, if it is one. Throws `upstream_broken` for a block of a kind nobody knows. */
export function callOf(block: JsonObject): ToolCall | undefined {
  if (typeof block.type === 'string' && HARMLESS.has(block.type)) return undefined
  if (block.type !== 'tool_use') throw broken('the upstream sent content of a kind that cannot be decided')
  const { input } = block
  if (input !== undefined && !isObject(input)) throw broken('the upstream sent a tool call whose input is no object')
  return { name: pieceIn(block.name), arguments: JSON.stringify(input ?? {}) }
}

/** Throws `upstream_broken` for a tool call that stands anywhere but in one of `places`. */
export function checkBlockPlaces(value: JsonObject, places: readonly JsonObject[]): void {
  eachMember(value, (key, member, holder) => {
    if (key !== 'type' || typeof member !== 'string') return
    if (/tool_?use|input_json/i.test(member) && !places.includes(holder)) {
      throw broken('the upstream sent a tool call where none can be')
    }
  })
}

/** `message_start` tells the prompt, `message_delta` what was written so far. */
export function usageOf(usage: Json | undefined, before?: Usage): Usage | undefined {
  if (!isObject(usage)) return before
  const input = [usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens]
  const prompt = input.reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0)
  return {
    prompt: Math.max(prompt, before?.prompt ?? 0),
    completion: typeof usage.output_tokens === 'number' ? usage.output_tokens : (before?.completion ?? 0),
  }
}
