import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { localhostHostValidation, type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  isLegacyRequest,
  type RegisteredTool,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { holdsSecret } from '../holds-secret.ts'
import { listen } from '../listen.ts'
import type { ReceivedRequest, UpstreamOptions } from '../model/server.ts'
import { readFiles } from './files.ts'
import { openMailbox, type SentMessage } from './mailbox.ts'
import { addExtraTool, createOfficeServer, type Office, type OfficeServer } from './tools.ts'

export interface OfficeUpstream {
  /** The MCP endpoint. */
  readonly url: string
  sent(): readonly SentMessage[]
  /** The last hundred requests, oldest first; in this process only, never over HTTP. */
  received(): readonly ReceivedRequest[]
  /** Changes what a tool says of itself, or adds a tool under a new name, and tells everybody who listens. */
  describeTool(name: string, description: string): void
  close(): Promise<void>
}

/**
 * Starts the stand-in office on loopback: an MCP server that speaks 2025-11-25 (with sessions) and 2026-07-28
 * (without) at one address.
 */
export async function startOfficeUpstream(options: UpstreamOptions): Promise<OfficeUpstream> {
  const descriptions = new Map<string, string>()
  const mailbox = openMailbox()
  const office: Office = { files: readFiles(), mailbox, descriptions }
  const modern = createMcpHandler(() => createOfficeServer(office).server, { legacy: 'reject' })
  const sessions = openSessions(office)
  const received: ReceivedRequest[] = []
  const serve = toNodeHandler({
    async fetch(request, extra) {
      received.push(await describe(request))
      if (received.length > 100) received.shift()
      return (await isLegacyRequest(request)) ? sessions.fetch(request) : modern.fetch(request, extra)
    },
  })
  const isLocal = localhostHostValidation()
  const server = createServer(async (request, response) => {
    if (!isLocal(request, response)) return
    if (!holdsSecret((request.headers.authorization ?? '').replace(/^Bearer /, ''), options.apiKey)) {
      request.resume()
      response.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Bearer' })
      response.end(JSON.stringify({ error: 'invalid_token' }))
      return
    }
    // Node's own type differs only in saying `| undefined` of properties that may be missing
    await serve(request as NodeIncomingMessageLike, response)
  })
  const { url, close } = await listen(server, options.port ?? 0)
  return {
    url: `${url}/mcp`,
    sent: mailbox.sent,
    received: () => [...received],
    describeTool(name, description) {
      descriptions.set(name, description)
      sessions.describeTool(name, description)
      modern.notify.toolsChanged()
    },
    async close() {
      await modern.close()
      await sessions.close()
      await close()
    },
  }
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly server: OfficeServer['server']
  readonly tools: Map<string, RegisteredTool>
}

/** Clients of 2025-11-25 keep a session: one server for each of them. */
function openSessions(office: Office) {
  const sessions = new Map<string, Session>()
  return {
    async fetch(request: Request): Promise<Response> {
      const id = request.headers.get('mcp-session-id')
      const known = id === null ? undefined : sessions.get(id)
      if (known !== undefined) return known.transport.handleRequest(request)
      // a session that is gone must read 404, so that the client begins a new one
      if (id !== null)
        return Response.json(
          { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } },
          { status: 404 },
        )
      const { server, tools } = createOfficeServer(office)
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (session) => {
          sessions.set(session, { transport, server, tools: new Map(tools) })
        },
        onsessionclosed: (session) => {
          sessions.delete(session)
        },
      })
      await server.connect(transport)
      return transport.handleRequest(request)
    },
    describeTool(name: string, description: string): void {
      for (const { server, tools } of sessions.values()) {
        const tool = tools.get(name)
        if (tool === undefined) tools.set(name, addExtraTool(server, name, description))
        else tool.update({ description })
      }
    },
    async close(): Promise<void> {
      for (const { server } of sessions.values()) await server.close()
      sessions.clear()
    },
  }
}

async function describe(request: Request): Promise<ReceivedRequest> {
  const text = request.method === 'POST' ? await request.clone().text() : ''
  const headers = Object.fromEntries(request.headers)
  return { method: request.method, path: new URL(request.url).pathname, headers, body: parsed(text), end: 'finished' }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
