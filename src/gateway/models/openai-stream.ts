import type { Usage } from '../protocol.ts'
import type { Sight, StreamInspector } from './event-gate.ts'
import { checkPlaces, SUSPICIOUS_ANSWER, usageOf } from './openai-answer.ts'
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

/** A call of which not all pieces may have come. */
interface PartialCall {
  id: string
  name: string
  text: string
  freeText: boolean
}

/** Looks at the chunks of a streamed chat completion. */
export class OpenAiStream implements StreamInspector {
  // Keys can be spelled with escapes, and some readers do not mind their case.
  readonly suspicious = /_call|\\u|"usage"\s*:\s*[^n\s]/i
  readonly #hideUsage: boolean
  /** By choice, then by index of the call. */
  readonly #calls = new Map<number, Map<string, PartialCall>>()
  readonly #finished = new Set<number>()
  usage: Usage | undefined

  /** `hideUsage`: the client did not ask for the chunk with the usage. */
  constructor(hideUsage: boolean) {
    this.#hideUsage = hideUsage
  }

  get attentive(): boolean {
    return this.#calls.size > 0
  }

  look(data: string): Sight {
    if (data === '[DONE]') return this.attentive ? 'after' : 'pass'
    const canCall = SUSPICIOUS_ANSWER.test(data)
    const chunk = canCall ? parseUpstreamJson(data) : parseHarmlessJson(data)
    const choices = objectsIn(chunk.choices)
    if (canCall) {
      checkPlaces(
        chunk,
        choices.flatMap(({ delta }) => (isObject(delta) ? [delta] : [])),
      )
    }
    this.usage = usageOf(chunk.usage) ?? this.usage
    if (choices.length === 0) {
      if (this.#hideUsage && isObject(chunk.usage)) return 'drop'
      return this.attentive ? 'hold' : 'pass'
    }
    let holds = false
    for (const [position, choice] of choices.entries()) {
      const index = typeof choice.index === 'number' ? choice.index : position
      this.#take(index, isObject(choice.delta) ? choice.delta : {})
      const isHeld = this.#calls.has(index)
      holds ||= isHeld
      if (isHeld && typeof choice.finish_reason === 'string') this.#finished.add(index)
    }
    if (!holds) return 'pass'
    return this.#finished.size === this.#calls.size ? 'complete' : 'hold'
  }

  held(): readonly ToolCall[] {
    return [...this.#calls.values()].flatMap((calls) =>
      [...calls.values()].map(({ name, text, freeText }) => ({ name, arguments: text, freeText })),
    )
  }

  release(): void {
    this.#calls.clear()
    this.#finished.clear()
  }

  #take(choice: number, delta: JsonObject): void {
    for (const [position, piece] of objectsIn(delta.tool_calls).entries()) {
      const index = typeof piece.index === 'number' ? piece.index : position
      const custom = isObject(piece.custom) ? piece.custom : undefined
      const fn = isObject(piece.function) ? piece.function : {}
      if (custom !== undefined && piece.function !== undefined) throw broken('the upstream sent a call of two kinds')
      this.#add(choice, `tool ${index}`, {
        id: pieceIn(piece.id),
        name: pieceIn(custom?.name ?? fn.name),
        text: pieceIn(custom?.input ?? fn.arguments),
        freeText: custom !== undefined,
      })
    }
    if (isObject(delta.function_call)) {
      const { name, arguments: text } = delta.function_call
      this.#add(choice, 'function', { id: '', name: pieceIn(name), text: pieceIn(text), freeText: false })
    }
  }

  #add(choice: number, index: string, piece: PartialCall): void {
    const calls = this.#calls.get(choice) ?? new Map<string, PartialCall>()
    this.#calls.set(choice, calls)
    const call = calls.get(index)
    if (call === undefined) {
      calls.set(index, piece)
      return
    }
    // Clients do not agree what a second name or id means: to add, to replace, or another call.
    const isOther = (before: string, now: string) => now !== '' && before !== '' && now !== before
    if (isOther(call.name, piece.name) || isOther(call.id, piece.id)) throw broken('the upstream mixed two tool calls')
    call.id ||= piece.id
    call.name ||= piece.name
    call.freeText ||= piece.freeText
    call.text += piece.text
  }
}
