import type { Context } from '../../kernel/index.ts'
import { digestJson, type Json } from '../../kernel/index.ts'
import { LOCAL_SERVER, localToolEntity, type ToolEntry, toolEntityId } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import { parseStrictJson } from '../json-text.ts'
import { conversationOf, type GatewayPorts } from '../ports.ts'
import type { Asked } from '../protocol.ts'
import { checkArgumentNames } from '../tools/argument-names.ts'

/** A call that a model wants its client to make, complete. */
export interface ToolCall {
  readonly name: string
  /** The text that the model wrote; it may be anything. */
  readonly arguments: string
  /** Whether the tool takes free text instead of JSON; it is then its argument `input`. */
  readonly freeText?: boolean
}

const LONGEST_NAME = 200

type Known = Pick<GatewayPorts, 'catalog' | 'origin'>

/**
 * Whether the call may be made: on the tool that is meant, or on each of those that can be, with its arguments and where
 * they came from.
 */
export function questionsOf(ctx: Context, call: ToolCall, ports: Known): readonly Asked[] {
  const tools = ports.catalog.toolsMeant(call.name)
  const question = (tool: ToolEntry | undefined): Asked => ({
    ...aboutCalling(tool, call.name.slice(0, LONGEST_NAME)),
    ...factsOf(ctx, call, tool, ports),
  })
  return tools.length === 0 ? [question(undefined)] : tools.map(question)
}

function aboutCalling(tool: ToolEntry | undefined, name: string): Asked {
  const about = (id: string) => ({ action: 'tool:call', resource: { type: 'Tool', id } })
  return tool === undefined
    ? { ...about(toolEntityId(LOCAL_SERVER, name)), entities: [localToolEntity(name)] }
    : // Nobody but the gateway can reach the server, where the call is decided again.
      { ...about(toolEntityId(tool.server, tool.name)), isProposed: true }
}

function factsOf(
  ctx: Context,
  call: ToolCall,
  tool: ToolEntry | undefined,
  ports: Known,
): Pick<Asked, 'call' | 'argumentsDigest' | 'undecidable' | 'isOnlyProposed'> {
  const args = argumentsOf(call)
  if (args === undefined || call.name === '' || call.name.length > LONGEST_NAME) {
    return undecided('let the model try again: what it wrote is not one readable JSON object')
  }
  try {
    if (tool !== undefined) checkArgumentNames(tool, args)
    return { call: ports.origin.originsOf(conversationOf(ctx), args), argumentsDigest: digestJson(args) }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return undecided(error.publicMessage)
  }
}

function undecided(why: string): Pick<Asked, 'call' | 'undecidable' | 'isOnlyProposed'> {
  return { call: 'unknown', undecidable: why, isOnlyProposed: true }
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
