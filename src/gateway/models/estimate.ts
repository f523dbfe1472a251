import type { Amounts } from '../../access/index.ts'
import type { Json } from '../../kernel/index.ts'
import type { RequestBody } from './model-request.ts'
import { isObject } from './untrusted-json.ts'

/** Reserved for an answer to which the request sets no bound. */
const UNBOUNDED_OUTPUT = 4_096
/** UTF-8 bytes of text that make one token: few, because too little reserved is found out too late. */
export const BYTES_PER_TOKEN = 3
/** For a picture or another attachment, however large. */
const ATTACHMENT = 2_000
/** For each value, whatever its length: what models wrap messages and parts in. */
const OVERHEAD = 2

/** What a completion will use: the prompt by its length, the answer by the bound that the request sets, for each choice. */
export function completionEstimate(body: RequestBody): Amounts {
  // Where both are given, upstreams do not agree which counts.
  const bounds = [body.max_completion_tokens, body.max_tokens].filter(isCount)
  const bound = bounds.length === 0 ? UNBOUNDED_OUTPUT : Math.max(...bounds)
  const choices = isCount(body.n) ? Math.max(1, body.n) : 1
  return { input_tokens: promptTokens(body), output_tokens: Math.ceil(bound * choices) }
}

/** What turning texts into vectors will use. */
export function embeddingEstimate(body: RequestBody): Amounts {
  return { input_tokens: promptTokens(body), output_tokens: 0 }
}

/** Counting tokens uses none. */
export const NO_TOKENS: Amounts = { input_tokens: 0, output_tokens: 0 }

const PROMPT = ['messages', 'system', 'tools', 'functions', 'input', 'response_format'] as const

function promptTokens(body: RequestBody): number {
  let bytes = 0
  let others = 0
  const open: (Json | undefined)[] = PROMPT.map((name) => body[name])
  for (let value = open.pop(); open.length > 0 || value !== undefined; value = open.pop()) {
    if (typeof value === 'string') bytes += Buffer.byteLength(value)
    else if (Array.isArray(value)) open.push(...value)
    else if (isObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        if (typeof member === 'string' && isAttachment(name, member)) others += ATTACHMENT
        else open.push(member)
      }
      bytes += Object.keys(value).length
    } else bytes += 1
    others += OVERHEAD
  }
  return Math.ceil(bytes / BYTES_PER_TOKEN) + others
}

/** `image_url` of OpenAI with its data inside, and `source.data` of Anthropic: Base64, which no model reads as text. */
function isAttachment(name: string, text: string): boolean {
  if (text.startsWith('data:')) return name === 'url' || name === 'file_data'
  return name === 'data' && text.length > 1_000 && /^[A-Za-z0-9+/]{1000}/.test(text)
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
