import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Clock, type Context, newId } from '../../kernel/index.ts'
import type { RpcId } from './json-rpc.ts'
import { SharedMap } from './shared-map.ts'

/** A session of an upstream (2025-11-25 and before), under a name of our own that only its owner can use. */
export interface McpSession {
  readonly id: string
  readonly server: string
  readonly upstreamId: string
}

/**
 * What has to be remembered between two requests of one client. It lives in memory: after a restart clients find their
 * sessions gone (404) and begin new ones, as the protocol has it.
 */
export class McpState {
  readonly #sessions: SharedMap<McpSession>
  readonly #asked: SharedMap<string>
  readonly #eventKey = randomBytes(32)
  readonly #clock: Clock

  /** How many sessions, and requests of servers that wait for an answer, are remembered at most. */
  constructor(clock: Clock, limits = { sessions: 20_000, asked: 50_000 }) {
    this.#clock = clock
    this.#sessions = new SharedMap(clock, limits.sessions, 24 * HOUR)
    this.#asked = new SharedMap(clock, limits.asked, HOUR)
  }

  openSession(owner: string, server: string, upstreamId: string): McpSession {
    const session = { id: newId('mcs', this.#clock.now()), server, upstreamId }
    this.#sessions.set(owner, session.id, session)
    return session
  }

  /** The session of this name, if it is this owner's with this server. */
  session(id: string, owner: string, server: string): McpSession | undefined {
    const session = this.#sessions.get(owner, id)
    return session?.server === server ? session : undefined
  }

  closeSession(owner: string, id: string): void {
    this.#sessions.delete(owner, id)
  }

  /** A request of a server was let through to its client, because `action` was allowed. */
  expectAnswer(owner: string, scope: string, key: RpcId, action: string): void {
    this.#asked.set(owner, `${scope} ${JSON.stringify(key)}`, action)
  }

  /** By which action the server was allowed to ask; `undefined` where it did not ask, or asked in vain. */
  expectedAnswer(owner: string, scope: string, key: RpcId): string | undefined {
    return this.#asked.get(owner, `${scope} ${JSON.stringify(key)}`)
  }

  forgetAnswer(owner: string, scope: string, key: RpcId): void {
    this.#asked.delete(owner, `${scope} ${JSON.stringify(key)}`)
  }

  /** An event's id in a form with which only who got the event can ask for what came after it. */
  sealEventId(scope: string, id: string): string {
    return `${this.#mac(scope, id).toString('base64url')}.${Buffer.from(id).toString('base64url')}`
  }

  openEventId(scope: string, sealed: string): string | undefined {
    const [mac = '', encoded = ''] = sealed.split('.')
    const id = Buffer.from(encoded, 'base64url').toString('utf8')
    const given = Buffer.from(mac, 'base64url')
    const expected = this.#mac(scope, id)
    return given.length === expected.length && timingSafeEqual(given, expected) ? id : undefined
  }

  #mac(scope: string, id: string): Buffer {
    return createHmac('sha256', this.#eventKey)
      .update(JSON.stringify([scope, id]))
      .digest()
      .subarray(0, 16)
  }
}

const HOUR = 60 * 60 * 1000

/** Who may use a session: exactly the chain that opened it, in its tenant. */
export function ownerOf(ctx: Context): string {
  return JSON.stringify([ctx.tenant, ...ctx.caller.chain.map(({ id }) => id)])
}
