import { z } from 'zod'
import { type Answer, type Conversation, completionTokens, promptTokens, type Turn, tokens } from './conversation.ts'
import { embed } from './embed.ts'
import { answerJson, answerStream, type Exchange, type SseEvent } from './exchange.ts'
import { MODELS, type Quirk, quirkOf } from './quirks.ts'
import { think } from './think.ts'

/** `POST /v1/chat/completions` */
export async function chatCompletions(exchange: Exchange): Promise<void> {
  const parsed = ChatRequest.safeParse(exchange.body)
  if (!parsed.success) return refuse(exchange, 400, 'invalid_request_error', z.prettifyError(parsed.error))
  const request = parsed.data
  const quirk = quirkOf(request.model)
  if (quirk === undefined) return unknownModel(exchange, request.model)
  const conversation = toConversation(request)
  const answer = shorten(think(conversation), request.max_completion_tokens ?? request.max_tokens)
  const usage = usageOf(conversation, answer)
  const meta = { id: `chatcmpl-${exchange.id}`, created: Math.floor(Date.now() / 1000), model: request.model }
  if (request.stream !== true) return answerWhole(exchange, quirk, { meta, answer, usage, n: request.n })
  const events = streamOf({
    meta,
    answer,
    usage,
    n: request.n,
    includeUsage: request.stream_options?.include_usage === true,
  })
  await answerStream(exchange, events, quirk)
}

/** `POST /v1/embeddings` */
export async function embeddings(exchange: Exchange): Promise<void> {
  const parsed = EmbeddingsRequest.safeParse(exchange.body)
  if (!parsed.success) return refuse(exchange, 400, 'invalid_request_error', z.prettifyError(parsed.error))
  const { model, input, dimensions, encoding_format: format } = parsed.data
  if (quirkOf(model) === undefined) return unknownModel(exchange, model)
  const texts = typeof input === 'string' ? [input] : input
  const count = texts.reduce((sum, text) => sum + tokens(text).length, 0)
  answerJson(exchange, 200, {
    object: 'list',
    model,
    data: texts.map((text, index) => {
      const vector = embed(text, dimensions)
      const packed = Buffer.from(vector.buffer).toString('base64')
      return { object: 'embedding', index, embedding: format === 'base64' ? packed : [...vector] }
    }),
    usage: { prompt_tokens: count, total_tokens: count },
  })
}

/** `GET /v1/models` */
export async function models(exchange: Exchange): Promise<void> {
  answerJson(exchange, 200, {
    object: 'list',
    data: MODELS.map((id) => ({ id, object: 'model', created: 1_750_000_000, owned_by: 'sallyport-examples' })),
  })
}

export function refuse(
  exchange: Exchange,
  status: number,
  type: string,
  message: string,
  code: string | null = null,
): void {
  const headers: Record<string, string> = status === 429 ? { 'retry-after': '1' } : {}
  answerJson(exchange, status, { error: { message, type, param: null, code } }, headers)
}

function unknownModel(exchange: Exchange, model: string): void {
  refuse(exchange, 404, 'invalid_request_error', `The model \`${model}\` does not exist.`, 'model_not_found')
}

const ContentPart = z.looseObject({ type: z.string(), text: z.string().optional() })
const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(ContentPart), z.null()]).optional(),
  tool_calls: z
    .array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }))
    .optional(),
})
const ChatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(Message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string(), function: z.looseObject({ name: z.string() }).optional() }))
    .optional(),
  tool_choice: z.unknown().optional(),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  n: z.int().min(1).max(8).nullish(),
})
const EmbeddingsRequest = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1)]),
  dimensions: z.int().min(1).max(1024).default(64),
  encoding_format: z.enum(['float', 'base64']).default('float'),
})

type ParsedMessage = z.infer<typeof Message>

function toConversation(request: z.infer<typeof ChatRequest>): Conversation {
  const declared = (request.tools ?? []).flatMap((tool) => (tool.function === undefined ? [] : [tool.function.name]))
  return { turns: request.messages.map(toTurn), tools: request.tool_choice === 'none' ? [] : declared }
}

function toTurn(message: ParsedMessage): Turn {
  const { content } = message
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    text: typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('\n'),
    calls: (message.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments: parseArguments(call.function.arguments),
    })),
  }
}

function parseArguments(text: string): Record<string, string> {
  const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(text))
  return parsed.success
    ? Object.fromEntries(Object.entries(parsed.data).map(([key, value]) => [key, String(value)]))
    : {}
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // what a client sends back as arguments is its own affair
  }
}

interface Shortened extends Answer {
  readonly finish: 'stop' | 'length' | 'tool_calls'
}

function shorten(answer: Answer, limit: number | null | undefined): Shortened {
  const words = tokens(answer.text)
  if (limit !== null && limit !== undefined && words.length > limit) {
    return { text: words.slice(0, limit).join(''), calls: [], finish: 'length' }
  }
  return { ...answer, finish: answer.calls.length > 0 ? 'tool_calls' : 'stop' }
}

function usageOf(conversation: Conversation, answer: Answer) {
  const prompt = promptTokens(conversation)
  const completion = completionTokens(answer)
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}

interface Completion {
  readonly meta: { readonly id: string; readonly created: number; readonly model: string }
  readonly answer: Shortened
  readonly usage: ReturnType<typeof usageOf>
  readonly n: number | null | undefined
}

function answerWhole(exchange: Exchange, quirk: Quirk, { meta, answer, usage, n }: Completion): void {
  const calls = wireCalls(meta.id, answer)
  const message = {
    role: 'assistant',
    content: answer.text === '' ? null : answer.text,
    refusal: null,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
  const choices = range(n).map((index) => ({ index, message, logprobs: null, finish_reason: answer.finish }))
  if (quirk.fault === 'garbage') {
    exchange.response.writeHead(200, { 'content-type': 'application/json' })
    exchange.response.end('{"choices": [')
    return
  }
  answerJson(exchange, 200, { ...meta, object: 'chat.completion', choices, usage })
}

function wireCalls(id: string, answer: Answer) {
  return answer.calls.map((call, index) => ({
    id: `call_${id.slice(-12)}_${index}`,
    type: 'function' as const,
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }))
}

function streamOf(completion: Completion & { readonly includeUsage: boolean }): readonly SseEvent[] {
  const { meta, answer, usage, n, includeUsage } = completion
  const events: SseEvent[] = []
  const chunk = (index: number, delta: object, finish: string | null = null) => ({
    ...meta,
    object: 'chat.completion.chunk',
    choices: [{ index, delta, logprobs: null, finish_reason: finish }],
    ...(includeUsage ? { usage: null } : {}),
  })
  for (const choice of range(n)) {
    events.push({ data: chunk(choice, { role: 'assistant', content: '' }) })
    for (const token of tokens(answer.text)) events.push({ data: chunk(choice, { content: token }), token: true })
    for (const [index, call] of wireCalls(meta.id, answer).entries()) {
      const { name, arguments: whole } = call.function
      const opening = { index, id: call.id, type: call.type, function: { name, arguments: '' } }
      events.push({ data: chunk(choice, { tool_calls: [opening] }), token: true })
      for (const piece of pieces(whole)) {
        events.push({ data: chunk(choice, { tool_calls: [{ index, function: { arguments: piece } }] }), token: true })
      }
    }
    events.push({ data: chunk(choice, {}, answer.finish) })
  }
  if (includeUsage) events.push({ data: { ...meta, object: 'chat.completion.chunk', choices: [], usage } })
  events.push({ data: '[DONE]' })
  return events
}

/** Arguments arrive in pieces that end anywhere, as they do with real models. */
export function pieces(text: string): readonly string[] {
  return text.match(/[\s\S]{1,7}/gu) ?? []
}

function range(n: number | null | undefined): readonly number[] {
  return Array.from({ length: n ?? 1 }, (_, index) => index)
}
