import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { judgeAddCheckpoint, type NoteSigner, signNote, type Verifier } from '../../translog/index.ts'
import type { WitnessState } from './witness-state.ts'

export interface WitnessOptions {
  /** keys of the logs that it witnesses, each named like its log's origin */
  readonly logs: readonly Verifier[]
  readonly signers: readonly NoteSigner[]
  readonly state: WitnessState
  /** Called with a sentence about each request that was refused, or failed. */
  readonly report: (sentence: string) => void
}

/** A witness (C2SP tlog-witness): `POST /add-checkpoint`, and nothing else. */
export function createWitness(options: WitnessOptions): Server {
  const server = createServer((request, response) => {
    answer(request, options).then(
      ({ status, body, type }) => send(response, status, body, type),
      (error: unknown) => {
        options.report(error instanceof Error ? error.message : String(error))
        send(response, 500, 'the witness failed\n')
      },
    )
  })
  server.requestTimeout = 10_000
  server.headersTimeout = 5_000
  return server
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
}

async function answer(request: IncomingMessage, options: WitnessOptions): Promise<Answer> {
  if (request.url !== '/add-checkpoint') return { status: 404, body: 'no such endpoint\n' }
  if (request.method !== 'POST') return { status: 405, body: 'only POST\n' }
  const text = await readBody(request)
  if (text === undefined) return { status: 413, body: 'the request is too large\n' }

  // From reading the state to writing it nothing is awaited: two requests of one log can't both pass.
  const verdict = judgeAddCheckpoint(text, options.logs, (origin) => options.state.of(origin))
  if (verdict.kind !== 'cosign') {
    options.report(`refused with ${verdict.status}: ${verdict.why}`)
    return verdict.kind === 'conflict'
      ? { status: verdict.status, body: `${verdict.size}\n`, type: 'text/x.tlog.size' }
      : { status: verdict.status, body: `${verdict.why}\n` }
  }
  const { note, origin } = verdict.checkpoint
  const cosigned = signNote(note.text, options.signers)
  // INVARIANT: what is cosigned is remembered durably before the signature leaves.
  options.state.keep(origin, cosigned)
  return { status: 200, body: cosigned.slice(note.text.length + 1) }
}

// A checkpoint with every signature it may have, and a proof.
const MAX_BODY = 600 * 1024

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_BODY) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, ...(status === 413 ? { connection: 'close' } : {}) })
  response.end(body)
}
