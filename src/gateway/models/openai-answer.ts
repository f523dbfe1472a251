import type { Json } from '../../kernel/index.ts'
import type { Usage } from '../protocol.ts'
import { joinedReasoning, type ReasoningPlace } from './streamed-reasoning.ts'
import type { ToolCall } from './tool-calls.ts'
import { broken, eachMember, isObject, type JsonObject, objectsIn, pieceIn } from './untrusted-json.ts'

/** What of a whole answer has to be decided and recorded. */
export interface AnswerContents {
  readonly calls: readonly ToolCall[]
  readonly usage: Usage | undefined
  /** What the model wrote down of its thinking, as the record takes it. */
  readonly reasoning: string | undefined
}

/** Whether an answer or an event can hold a tool call, however it is spelled. */
export const SUSPICIOUS_ANSWER = /_call|\\u/i

/** Reads a chat completion. Throws `upstream_broken` for tool calls in a place or form that nobody knows. */
export function readOpenAiAnswer(answer: JsonObject): AnswerContents {
  const messages = objectsIn(answer.choices).flatMap(({ message }) => (isObject(message) ? [message] : []))
  checkPlaces(answer, messages)
  const calls = messages.flatMap((message) => [
    ...objectsIn(message.tool_calls).map(readCall),
    ...(isObject(message.function_call) ? [callOf(message.function_call)] : []),
  ])
  return { calls, usage: usageOf(answer.usage), reasoning: joinedReasoning(messages.map(thoughtsOf)) }
}

/** By choice. */
export const OPENAI_REASONING: ReasoningPlace = {
  mark: '"reasoning',
  piecesIn: ({ choices }) =>
    objectsIn(choices).map(({ index, delta }, position) => ({
      of: typeof index === 'number' ? index : position,
      text: isObject(delta) ? thoughtsOf(delta) : '',
    })),
}

// The protocol has no place for it; these are what DeepSeek, vLLM, OpenRouter and others have come to use. Some send the
// same under several of these names.
function thoughtsOf({ reasoning_content: content, reasoning, reasoning_details: details }: JsonObject): string {
  if (typeof content === 'string' && content !== '') return content
  if (typeof reasoning === 'string' && reasoning !== '') return reasoning
  return objectsIn(details)
    .map(({ text, summary }) => (typeof text === 'string' ? text : typeof summary === 'string' ? summary : ''))
    .join('')
}

export function usageOf(usage: Json | undefined): Usage | undefined {
  if (!isObject(usage)) return undefined
  const { prompt_tokens: prompt, completion_tokens: completion } = usage
  if (typeof prompt !== 'number' && typeof completion !== 'number') return undefined
  return {
    prompt: typeof prompt === 'number' ? prompt : 0,
    completion: typeof completion === 'number' ? completion : 0,
  }
}

function readCall(call: JsonObject): ToolCall {
  if (isObject(call.custom) && call.function === undefined) {
    return { name: pieceIn(call.custom.name), arguments: pieceIn(call.custom.input), freeText: true }
  }
  if (!isObject(call.function) || call.custom !== undefined) throw broken('the upstream sent a tool call that is none')
  return callOf(call.function)
}

function callOf(fn: JsonObject): ToolCall {
  return { name: pieceIn(fn.name), arguments: pieceIn(fn.arguments) }
}

/** Throws `upstream_broken` for a tool call that stands anywhere but in one of `places`. */
export function checkPlaces(answer: JsonObject, places: readonly JsonObject[]): void {
  eachMember(answer, (key, value, holder) => {
    if (key !== 'tool_calls' && key !== 'function_call') return
    if (value === null || (Array.isArray(value) && value.length === 0)) return
    const isWellFormed = key === 'tool_calls' ? Array.isArray(value) && value.every(isObject) : isObject(value)
    if (!isWellFormed || !places.includes(holder) || !Object.hasOwn(holder, key)) {
      throw broken('the upstream sent a tool call where none can be')
    }
  })
}
