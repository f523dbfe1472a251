import type { Context } from '../../kernel/index.ts'
import { digestJson, type Json } from '../../kernel/index.ts'
import { LOCAL_SERVER, localToolEntity, toolEntityId } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import { conversationOf, type GatewayPorts } from '../ports.ts'
import type { Asked } from '../protocol.ts'
import { parseStrictJson } from '../tools/json-text.ts'

/** A call that a model wants its client to make, complete. */
export interface ToolCall {
  readonly name: string
  /** The text that the model wrote; it may be anything. */
  readonly arguments: string
  /** Whether the tool takes free text instead of JSON; it is then its argument `input`. */
  readonly freeText?: boolean
}

const LONGEST_NAME = 200

/** Whether the call may be made: on the tool that is meant, with its arguments and where they came from. */
export function questionOf(ctx: Context, call: ToolCall, ports: GatewayPorts): Asked {
  const tool = ports.catalog.toolMeant(call.name)
  const name = call.name.slice(0, LONGEST_NAME)
  const about = {
    action: 'tool:call',
    resource: {
      type: 'Tool',
      id: tool === undefined ? toolEntityId(LOCAL_SERVER, name) : toolEntityId(tool.server, tool.name),
    },
    ...(tool === undefined ? { entities: [localToolEntity(name)] } : {}),
  }
  const args = argumentsOf(call)
  if (args === undefined || name === '' || name !== call.name) {
    return { ...about, undecidable: 'let the model try again: what it wrote is not one readable JSON object' }
  }
  try {
    const call = ports.origin.originsOf(conversationOf(ctx), args)
    return { ...about, call, argumentsDigest: digestJson(args) }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { ...about, undecidable: error.publicMessage }
  }
}

/** `undefined` for what is no JSON object, or one that two readers could understand differently. */
function argumentsOf(call: ToolCall): Json | undefined {
  if (call.freeText === true) return { input: call.arguments }
  // Models write nothing at all for a tool that takes no arguments.
  if (call.arguments.trim() === '') return {}
  try {
    const args = parseStrictJson(Buffer.from(call.arguments))
    return typeof args === 'object' && args !== null && !Array.isArray(args) ? args : undefined
  } catch {
    return undefined
  }
}
