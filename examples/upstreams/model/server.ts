import { randomBytes } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { holdsSecret } from '../holds-secret.ts'
import { listen } from '../listen.ts'
import { BodyError, readJson } from '../read-json.ts'
import * as anthropic from './anthropic.ts'
import type { Exchange } from './exchange.ts'
import * as openai from './openai.ts'
import { quirkOf } from './quirks.ts'

export interface UpstreamOptions {
  /** 0 takes a free one. */
  readonly port?: number
  readonly host?: '127.0.0.1'
  /** What a caller must present. */
  readonly apiKey: string
}

/** What arrived, as it arrived. `end` says how it went: `cut` is a client that hung up before the answer was complete. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly end: 'open' | 'finished' | 'cut'
}

export interface ModelUpstream {
  /** Without the `/v1` that OpenAI clients want at the end of their base URL. */
  readonly url: string
  /** The last hundred requests, oldest first; in this process only, never over HTTP. */
  received(): readonly ReceivedRequest[]
  close(): Promise<void>
}

/** Starts the stand-in model. It speaks the OpenAI and the Anthropic protocol and listens on loopback only. */
export async function startModelUpstream(options: UpstreamOptions): Promise<ModelUpstream> {
  const received: { -readonly [K in keyof ReceivedRequest]: ReceivedRequest[K] }[] = []
  const closing = new AbortController()
  const server = createServer(async (request, response) => {
    const entry = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: undefined }
    const note = { ...entry, body: undefined as unknown, end: 'open' as ReceivedRequest['end'] }
    received.push(note)
    if (received.length > 100) received.shift()
    const gone = new AbortController()
    response.once('close', () => {
      note.end = response.writableFinished ? 'finished' : 'cut'
      gone.abort()
    })
    const signal = AbortSignal.any([gone.signal, closing.signal])
    await answer(request, response, signal, options.apiKey, (body) => {
      note.body = body
    })
  })
  const { url, close } = await listen(server, options.port ?? 0)
  return {
    url,
    received: () => received.map((entry) => ({ ...entry })),
    close() {
      closing.abort()
      return close()
    },
  }
}

const ROUTES: ReadonlyMap<
  string,
  { readonly family: 'openai' | 'anthropic'; readonly run: (exchange: Exchange) => Promise<void> }
> = new Map([
  ['POST /v1/chat/completions', { family: 'openai', run: openai.chatCompletions }],
  ['POST /v1/embeddings', { family: 'openai', run: openai.embeddings }],
  ['GET /v1/models', { family: 'openai', run: openai.models }],
  ['POST /v1/messages', { family: 'anthropic', run: anthropic.messages }],
  ['POST /v1/messages/count_tokens', { family: 'anthropic', run: anthropic.countTokens }],
])

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
  apiKey: string,
  remember: (body: unknown) => void,
): Promise<void> {
  const id = randomBytes(12).toString('hex')
  const exchange: Exchange = { request, response, signal, id, body: undefined }
  const path = (request.url ?? '').split('?')[0] ?? ''
  const route = ROUTES.get(`${request.method} ${path}`)
  const family = route?.family ?? (path.startsWith('/v1/messages') ? 'anthropic' : 'openai')
  const refuse = refusalOf(family, exchange)
  try {
    if (!holdsSecret(presentedKey(request, family), apiKey)) {
      request.resume()
      return refuse('key')
    }
    if (route === undefined) {
      request.resume()
      return refuse('route')
    }
    const body = request.method === 'GET' ? undefined : await readJson(request)
    remember(body)
    const { fault } = quirkOf(modelOf(body)) ?? { fault: 'none' }
    if (fault === 'hang') return await hang(signal)
    if (fault === 'error') return refuse('fault')
    if (fault === 'busy') return refuse('busy')
    await route.run({ ...exchange, body })
  } catch (error) {
    if (signal.aborted) response.destroy()
    else if (error instanceof BodyError) refuse(error.kind)
    else if (!response.headersSent) refuse('fault')
    else response.destroy()
  }
}

/** OpenAI's clients and newer ones of Anthropic send a bearer token, older ones of Anthropic `x-api-key`. */
function presentedKey(request: IncomingMessage, family: 'openai' | 'anthropic'): string {
  const key = family === 'anthropic' ? request.headers['x-api-key'] : undefined
  return typeof key === 'string' ? key : (request.headers.authorization ?? '').replace(/^Bearer /, '')
}

type Refusal = 'key' | 'route' | 'json' | 'size' | 'fault' | 'busy'

const REFUSALS: Record<
  Refusal,
  { status: number; openai: string; anthropic: string; message: string; code: string | null }
> = {
  key: {
    status: 401,
    openai: 'invalid_request_error',
    anthropic: 'authentication_error',
    message: 'Incorrect API key provided.',
    code: 'invalid_api_key',
  },
  route: {
    status: 404,
    openai: 'invalid_request_error',
    anthropic: 'not_found_error',
    message: 'Unknown request URL.',
    code: 'unknown_url',
  },
  json: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    message: 'The body is not JSON.',
    code: null,
  },
  size: {
    status: 413,
    openai: 'invalid_request_error',
    anthropic: 'request_too_large',
    message: 'The body is too large.',
    code: null,
  },
  fault: { status: 500, openai: 'server_error', anthropic: 'api_error', message: 'The model broke.', code: null },
  busy: {
    status: 429,
    openai: 'requests',
    anthropic: 'rate_limit_error',
    message: 'Too many requests.',
    code: 'rate_limit_exceeded',
  },
}

function refusalOf(family: 'openai' | 'anthropic', exchange: Exchange) {
  return (refusal: Refusal): void => {
    const { status, message, code, ...types } = REFUSALS[refusal]
    if (family === 'anthropic') anthropic.refuse(exchange, status, types.anthropic, message)
    else openai.refuse(exchange, status, types.openai, message, code)
  }
}

function modelOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('model' in body)) return ''
  return typeof body.model === 'string' ? body.model : ''
}

/** Answers nothing until the client gives up. */
async function hang(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
