import type { Usage } from '../protocol.ts'
import { callOf, checkBlockPlaces, SUSPICIOUS_MESSAGE, usageOf } from './anthropic-answer.ts'
import type { Sight, StreamInspector } from './event-gate.ts'
import type { ToolCall } from './tool-calls.ts'
import {
  broken,
  isObject,
  type JsonObject,
  objectsIn,
  parseHarmlessJson,
  parseUpstreamJson,
  pieceIn,
} from './untrusted-json.ts'

interface PartialCall {
  readonly name: string
  /** What the block began with, if not with an empty object. */
  readonly whole: string | undefined
  text: string
  open: boolean
}

/** Looks at the events of a streamed message. */
export class AnthropicStream implements StreamInspector {
  // Keys can be spelled with escapes, and some readers do not mind their case.
  readonly suspicious = /_start|_use|tooluse|input_json|"usage"|\\u/i
  readonly #calls = new Map<number, PartialCall>()
  /** What the start of the message says; of the answer that is next to nothing. */
  #begun: Usage | undefined
  /** Absent until the end of the message says what it was: half of a count would be taken for all of it. */
  usage: Usage | undefined

  get attentive(): boolean {
    return this.#calls.size > 0
  }

  look(data: string): Sight {
    const canCall = SUSPICIOUS_MESSAGE.test(data)
    const event = canCall ? parseUpstreamJson(data) : parseHarmlessJson(data)
    if (canCall) checkBlockPlaces(event, placesOf(event))
    switch (event.type) {
      case 'message_start':
        return this.#start(isObject(event.message) ? event.message : {})
      case 'content_block_start':
        return this.#open(indexOf(event), isObject(event.content_block) ? event.content_block : {})
      case 'content_block_delta':
        return this.#extend(indexOf(event), isObject(event.delta) ? event.delta : {})
      case 'content_block_stop':
        this.#close(indexOf(event))
        return this.#hold()
      case 'message_delta':
        this.usage = usageOf(event.usage, this.usage ?? this.#begun)
        return this.attentive ? 'after' : 'pass'
      case 'message_stop':
        return this.attentive ? 'after' : 'pass'
      case 'ping':
        return 'pass'
      default:
        return this.#hold()
    }
  }

  held(): readonly ToolCall[] {
    return [...this.#calls.values()].map(({ name, whole, text, open }) => ({
      name,
      // A call that never ended is not readable, whatever its pieces are.
      arguments: open ? '{' : (whole ?? text),
    }))
  }

  release(): void {
    this.#calls.clear()
  }

  #hold(): Sight {
    return this.attentive ? 'hold' : 'pass'
  }

  #start(message: JsonObject): Sight {
    if (objectsIn(message.content).length > 0) throw broken('the upstream sent content before its stream began')
    this.#begun = usageOf(message.usage, this.#begun)
    return this.#hold()
  }

  #open(index: number, block: JsonObject): Sight {
    const call = callOf(block)
    if (call === undefined) return this.#hold()
    if (this.#calls.has(index)) throw broken('the upstream mixed two tool calls')
    const whole = call.arguments === '{}' ? undefined : call.arguments
    this.#calls.set(index, { name: call.name, whole, text: '', open: true })
    return 'hold'
  }

  #extend(index: number, delta: JsonObject): Sight {
    const call = this.#calls.get(index)
    if (delta.type !== 'input_json_delta') {
      if (call !== undefined) throw broken('the upstream sent something else inside of a tool call')
      return this.#hold()
    }
    if (call === undefined || !call.open) throw broken('the upstream sent a tool call that did not begin')
    call.text += pieceIn(delta.partial_json)
    if (call.whole !== undefined && call.text !== '') throw broken('the upstream sent the input of a tool call twice')
    return 'hold'
  }

  #close(index: number): void {
    const call = this.#calls.get(index)
    if (call !== undefined) call.open = false
  }
}

function indexOf(event: JsonObject): number {
  if (typeof event.index !== 'number') throw broken('the upstream sent a piece of content without its index')
  return event.index
}

/** Where a tool call may begin or go on. */
function placesOf(event: JsonObject): readonly JsonObject[] {
  return [event.content_block, event.delta].filter(isObject)
}
