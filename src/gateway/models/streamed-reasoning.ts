import { statedReasoning } from '../../kernel/index.ts'
import { isObject, type JsonObject } from './untrusted-json.ts'

/** A piece of what a model wrote down of its thinking; `of` tells several trains of thought apart. */
export interface ReasoningPiece {
  readonly of: number
  readonly text: string
}

/** Where a protocol puts reasoning in its streams. */
export interface ReasoningPlace {
  /** Stands in the text of every event that has reasoning in it. */
  readonly mark: string
  piecesIn(event: JsonObject): readonly ReasoningPiece[]
}

/**
 * Reads along in a stream what the model writes of its thinking, for the record and nothing else: what it cannot read it
 * leaves out, and the stream goes on. INVARIANT: keeps no more than the record takes, and then reads no further.
 */
export class StreamedReasoning {
  readonly #place: ReasoningPlace
  readonly #texts = new Map<number, string>()
  #room = KEPT

  constructor(place: ReasoningPlace) {
    this.#place = place
  }

  /** Some whole events, as they came. */
  readAlong(events: Buffer): void {
    if (this.#room <= 0 || !events.includes(this.#place.mark)) return
    for (const line of events.toString('utf8').split(LINE_END)) {
      if (line.startsWith('data:') && line.includes(this.#place.mark)) this.#read(line.slice('data:'.length))
    }
  }

  /** What has come so far. */
  get text(): string | undefined {
    return joinedReasoning(this.#texts.values())
  }

  #read(data: string): void {
    let event: unknown
    try {
      event = JSON.parse(data)
    } catch {
      return
    }
    if (!isObject(event)) return
    for (const { of, text } of this.#place.piecesIn(event)) {
      const kept = text.slice(0, Math.max(0, this.#room))
      if (kept !== '') this.#texts.set(of, (this.#texts.get(of) ?? '') + kept)
      this.#room -= kept.length
    }
  }
}

/** Several trains of thought as one text. */
export function joinedReasoning(texts: Iterable<string>): string | undefined {
  return statedReasoning([...texts].filter((text) => text.trim() !== '').join('\n\n'))
}

// More than the record takes, so that it can tell that something was cut.
const KEPT = 5_000
const LINE_END = /\r\n|\n|\r/
