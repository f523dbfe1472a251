// The upstream behind the proxies, and by itself the bare server: answers every request from memory, whole or streamed.
import { createServer } from 'node:http'

const WHOLE = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_750_000_000,
  model: 'bench',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'A sally port has two gates. '.repeat(12), refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 60, completion_tokens: 72, total_tokens: 132 },
})

const CHUNKS = 24
const PIECES = [
  ...Array.from({ length: CHUNKS }, (_, index) => chunk({ content: index === 0 ? '' : ' two gates' })),
  chunk({}, 'stop'),
  `data: ${JSON.stringify({ ...head(), choices: [], usage: { prompt_tokens: 60, completion_tokens: 72 } })}\n\n`,
  'data: [DONE]\n\n',
]

const server = createServer((request, response) => {
  let length = 0
  request.on('data', (piece: Buffer) => {
    length += piece.length
  })
  request.on('end', () => {
    if (length === 0) return response.writeHead(400).end()
    if (!String(request.headers.accept).startsWith('text/event-stream')) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': WHOLE.length })
      return response.end(WHOLE)
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    send(0)
    return undefined
  })

  /** A few pieces for each turn of the event loop, as a model sends them. */
  function send(from: number): void {
    const to = Math.min(from + 3, PIECES.length)
    response.write(PIECES.slice(from, to).join(''))
    if (to === PIECES.length) response.end()
    else setImmediate(send, to)
  }
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.send?.(address?.port)
})

function head() {
  return { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_750_000_000, model: 'bench' }
}

function chunk(delta: object, finish: string | null = null): string {
  return `data: ${JSON.stringify({ ...head(), choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null })}\n\n`
}
// With whoever started it gone, nobody needs it.
process.on('disconnect', () => process.exit())
