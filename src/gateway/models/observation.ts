import type { Context, Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { conversationOf, type GatewayPorts, type OriginSource } from '../ports.ts'
import { isObject, objectsIn } from './untrusted-json.ts'

/** Something that was said in a conversation. */
export interface Said {
  readonly source: OriginSource
  readonly text: readonly string[]
}

/**
 * Tells the memory of origins what was said, now or when it is first needed: a gateway key begins a new conversation with
 * every request unless it says otherwise, so that only a tool call in this very answer can ask for it.
 */
export function observation(ctx: Context, said: () => readonly Said[], ports: GatewayPorts): () => void {
  let isTold = false
  const tell = (): void => {
    if (isTold) return
    isTold = true
    const conversation = conversationOf(ctx)
    for (const { source, text } of said()) ports.origin.observe(conversation, source, text)
  }
  if (ctx.caller.authentication.method !== 'gateway_key' || ports.origin.knows(conversationOf(ctx))) tell()
  return tell
}

/** Where the result of a tool comes from: the server that has a tool of this name, or the client itself. */
export function toolSource(name: string | undefined, ports: GatewayPorts): OriginSource {
  const [tool, ...others] = name === undefined ? [] : ports.catalog.toolsMeant(name)
  // A name that several servers use says nothing about which of them it was.
  const server = tool === undefined || others.length > 0 ? undefined : ports.catalog.upstream(tool.server)
  return server === undefined
    ? { kind: 'tool', trusted: false }
    : { kind: 'tool', server: server.id, trusted: server.trusted }
}

// Results of tools hold blocks, which may hold blocks; nothing real goes deeper.
const DEEPEST = 8

/** Every text in the content of a message, in whatever kind of part it stands. */
export function textsOf(content: Json | undefined, depth = 0): readonly string[] {
  if (typeof content === 'string') return [content]
  if (depth > DEEPEST) throw new GatewayError('body_invalid', 'a message is nested too deeply')
  return objectsIn(content).flatMap((part) => {
    if (typeof part.text === 'string') return [part.text]
    return part.content === undefined ? [] : textsOf(part.content, depth + 1)
  })
}

export function nameOf(holder: Json | undefined): string | undefined {
  return isObject(holder) && typeof holder.name === 'string' ? holder.name : undefined
}
