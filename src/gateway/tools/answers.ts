import { denialData } from '../denial-data.ts'
import type { GatewayErrorCode } from '../errors.ts'
import type { Denial, Failure, HttpAnswer, Reference } from '../protocol.ts'
import { retryAfterHeader, retryAfterOf } from '../retry-after.ts'
import { writeEvent } from './event-stream.ts'
import { type JsonObject, RPC, type RpcId, writeMessage } from './json-rpc.ts'
import { isUnknownMethod } from './methods.ts'
import { type Generation, STATELESS_VERSION } from './transport-headers.ts'

/** What an answer has to know of its request. */
export interface Addressee {
  /** Of the JSON-RPC request; `null` where there was none or it could not be read. */
  readonly id: RpcId | null
  readonly generation: Generation
  /** The version that its headers name. */
  readonly version: string | undefined
}

/**
 * A denial (COAZ-MCP, "Authorization Denial"): an error with its data in an ordinary answer, so that every client hands
 * it on. What is no request gets an HTTP error.
 */
export function answerDenial(denial: Denial<Addressee>): HttpAnswer {
  const { question, decision, target } = denial
  const wait = retryAfterOf(decision)
  const { ...data } = denialData(denial)
  const why = decision.reasons[0]?.title ?? (isUnknownMethod(question) ? decision.remedy : 'no policy permits it')
  if (isUnknownMethod(question) && target.generation === 'stateless') {
    // MCP 2026-07-28: a method that is not implemented is answered with 404 and "method not found".
    return answer(404, target.id, { code: RPC.methodNotFound, message: `denied: ${why}`, data })
  }
  const status = target.id === null ? (wait === undefined ? 403 : 429) : 200
  const denied = answer(status, target.id, { code: RPC.denied, message: `denied: ${why}`, data })
  return { ...denied, headers: { ...denied.headers, ...retryAfterHeader(wait) } }
}

export function answerFailure({ error, status, target, ...reference }: Failure<Addressee>): HttpAnswer {
  const id = target?.id ?? null
  const code = CODES[error.code] ?? (status >= 500 ? RPC.internalError : RPC.invalidRequest)
  // An unknown tool is an answer to the call. So are invalid arguments, but not in the revision where such have a status.
  const isAnswer =
    id !== null &&
    (error.code === 'tool_unknown' || (error.code === 'arguments_invalid' && target?.generation === 'sessions'))
  return answer(isAnswer ? 200 : status, id, {
    code,
    message: error.publicMessage,
    data: {
      ...dataOf(reference),
      ...(code === RPC.unsupportedVersion ? { supported: [STATELESS_VERSION], requested: target?.version ?? '' } : {}),
    },
  })
}

export function failureInStream({ error, target, ...reference }: Failure<Addressee>): string {
  const details = { code: RPC.internalError, message: error.publicMessage, data: dataOf(reference) }
  return messageEvent(writeMessage({ kind: 'error', id: target?.id ?? null, error: details }))
}

export function messageEvent(data: string): string {
  return writeEvent({ event: 'message', id: undefined, retry: undefined, data })
}

const CODES: Readonly<Partial<Record<string, number>>> = {
  body_not_json: RPC.parseError,
  body_invalid: RPC.invalidRequest,
  headers_invalid: RPC.headerMismatch,
  version_unsupported: RPC.unsupportedVersion,
  tool_unknown: RPC.invalidParams,
  arguments_invalid: RPC.invalidParams,
} satisfies Partial<Record<GatewayErrorCode, number>>

function dataOf({ txn, record }: Reference): JsonObject {
  return { txn: txn ?? null, record: record ?? null }
}

function answer(status: number, id: RpcId | null, error: JsonObject): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: writeMessage({ kind: 'error', id, error }),
  }
}
