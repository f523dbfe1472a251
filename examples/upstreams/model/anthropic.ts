import { z } from 'zod'
import {
  type Answer,
  type Conversation,
  completionTokens,
  promptTokens,
  type ToolCall,
  type Turn,
  tokens,
} from './conversation.ts'
import { answerJson, answerStream, type Exchange, type SseEvent } from './exchange.ts'
import { pieces } from './openai.ts'
import { quirkOf } from './quirks.ts'
import { think } from './think.ts'

/** `POST /v1/messages` */
export async function messages(exchange: Exchange): Promise<void> {
  if (exchange.request.headers['anthropic-version'] === undefined) {
    return refuse(exchange, 400, 'invalid_request_error', 'anthropic-version: header is required')
  }
  const parsed = MessagesRequest.safeParse(exchange.body)
  if (!parsed.success) return refuse(exchange, 400, 'invalid_request_error', z.prettifyError(parsed.error))
  const request = parsed.data
  const quirk = quirkOf(request.model)
  if (quirk === undefined) return refuse(exchange, 404, 'not_found_error', `model: ${request.model}`)
  const conversation = toConversation(request)
  const answer = shorten(think(conversation), request.max_tokens)
  const message: Message = {
    id: `msg_${exchange.id}`,
    model: request.model,
    content: contentOf(exchange.id, answer),
    stop: answer.stop,
    usage: { input_tokens: promptTokens(conversation), output_tokens: completionTokens(answer) },
  }
  if (request.stream === true) return answerStream(exchange, streamOf(message), quirk)
  if (quirk.fault === 'garbage') {
    exchange.response.writeHead(200, { 'content-type': 'application/json' })
    exchange.response.end('{"content": [')
    return
  }
  answerJson(exchange, 200, wholeOf(message, message.content, message.stop, message.usage))
}

/** `POST /v1/messages/count_tokens` */
export async function countTokens(exchange: Exchange): Promise<void> {
  const parsed = CountRequest.safeParse(exchange.body)
  if (!parsed.success) return refuse(exchange, 400, 'invalid_request_error', z.prettifyError(parsed.error))
  const { model } = parsed.data
  if (quirkOf(model) === undefined) return refuse(exchange, 404, 'not_found_error', `model: ${model}`)
  answerJson(exchange, 200, { input_tokens: promptTokens(toConversation(parsed.data)) })
}

export function refuse(exchange: Exchange, status: number, type: string, message: string): void {
  const headers: Record<string, string> = status === 429 ? { 'retry-after': '1' } : {}
  answerJson(exchange, status, { type: 'error', error: { type, message }, request_id: `req_${exchange.id}` }, headers)
}

const Text = z.looseObject({ type: z.literal('text'), text: z.string() })
const ToolUse = z.looseObject({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.unknown()),
})
const ToolResult = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))]).optional(),
})
const Block = z.union([Text, ToolUse, ToolResult, z.looseObject({ type: z.string() })])
const CountRequest = z.looseObject({
  model: z.string(),
  system: z.union([z.string(), z.array(Text)]).optional(),
  messages: z
    .array(z.looseObject({ role: z.enum(['user', 'assistant']), content: z.union([z.string(), z.array(Block)]) }))
    .min(1),
  tools: z.array(z.looseObject({ name: z.string() })).optional(),
  tool_choice: z.looseObject({ type: z.string() }).optional(),
})
const MessagesRequest = CountRequest.extend({
  max_tokens: z.int().positive(),
  stream: z.boolean().optional(),
})

type ParsedRequest = z.infer<typeof CountRequest>

function toConversation(request: ParsedRequest): Conversation {
  const { system } = request
  const turns: Turn[] = []
  if (system !== undefined) {
    const text = typeof system === 'string' ? system : system.map((block) => block.text).join('\n')
    turns.push({ role: 'system', text, calls: [] })
  }
  for (const { role, content } of request.messages) {
    if (typeof content === 'string') turns.push({ role, text: content, calls: [] })
    else turns.push(...toTurns(role, content))
  }
  const declared = (request.tools ?? []).map((tool) => tool.name)
  return { turns, tools: request.tool_choice?.type === 'none' ? [] : declared }
}

/** What tools returned comes inside a message of the user; it is not the user who speaks there. */
function toTurns(role: 'user' | 'assistant', blocks: readonly z.infer<typeof Block>[]): readonly Turn[] {
  const returned: Turn[] = []
  const texts: string[] = []
  const calls: ToolCall[] = []
  for (const block of blocks) {
    const text = Text.safeParse(block)
    if (text.success) texts.push(text.data.text)
    const use = ToolUse.safeParse(block)
    if (use.success) calls.push({ name: use.data.name, arguments: asStrings(use.data.input) })
    const result = ToolResult.safeParse(block)
    if (result.success) returned.push({ role: 'tool', text: resultText(result.data.content), calls: [] })
  }
  const spoken = texts.length > 0 || calls.length > 0 ? [{ role, text: texts.join('\n'), calls }] : []
  return [...returned, ...spoken]
}

function resultText(content: z.infer<typeof ToolResult>['content']): string {
  if (content === undefined || typeof content === 'string') return content ?? ''
  return content.map((part) => part.text ?? '').join('\n')
}

function asStrings(input: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, String(value)]))
}

type StopReason = 'end_turn' | 'max_tokens' | 'tool_use'
type Content =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: object }

interface Message {
  readonly id: string
  readonly model: string
  readonly content: readonly Content[]
  readonly stop: StopReason
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number }
}

function shorten(answer: Answer, limit: number): Answer & { readonly stop: StopReason } {
  const words = tokens(answer.text)
  if (words.length > limit) return { text: words.slice(0, limit).join(''), calls: [], stop: 'max_tokens' }
  return { ...answer, stop: answer.calls.length > 0 ? 'tool_use' : 'end_turn' }
}

function contentOf(id: string, answer: Answer): readonly Content[] {
  const text: Content[] = answer.text === '' ? [] : [{ type: 'text', text: answer.text }]
  const calls = answer.calls.map(
    (call, index): Content => ({
      type: 'tool_use',
      id: `toolu_${id.slice(-12)}_${index}`,
      name: call.name,
      input: call.arguments,
    }),
  )
  return [...text, ...calls]
}

function wholeOf(message: Message, content: readonly Content[], stop: StopReason | null, usage: Message['usage']) {
  const { id, model } = message
  return { id, type: 'message', role: 'assistant', model, content, stop_reason: stop, stop_sequence: null, usage }
}

function streamOf(message: Message): readonly SseEvent[] {
  const events: SseEvent[] = []
  const push = (type: string, fields: object, token?: true) =>
    events.push({ event: type, data: { type, ...fields }, ...(token === true ? { token } : {}) })
  const start = { ...message.usage, output_tokens: 1 }
  push('message_start', { message: wholeOf(message, [], null, start) })
  push('ping', {})
  for (const [index, block] of message.content.entries()) {
    if (block.type === 'text') {
      push('content_block_start', { index, content_block: { type: 'text', text: '' } })
      for (const token of tokens(block.text)) {
        push('content_block_delta', { index, delta: { type: 'text_delta', text: token } }, true)
      }
    } else {
      push('content_block_start', { index, content_block: { ...block, input: {} } })
      for (const piece of pieces(JSON.stringify(block.input))) {
        push('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json: piece } }, true)
      }
    }
    push('content_block_stop', { index })
  }
  push('message_delta', {
    delta: { stop_reason: message.stop, stop_sequence: null },
    usage: { output_tokens: message.usage.output_tokens },
  })
  push('message_stop', {})
  return events
}
