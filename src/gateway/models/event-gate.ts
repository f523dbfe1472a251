import { GatewayError } from '../errors.ts'
import type { Sink } from '../protocol.ts'
import type { ToolCall } from './tool-calls.ts'

/** What one dialect knows about the events of its streams. */
export interface StreamInspector {
  /**
   * Matches every piece of a stream (as Latin-1) in which an event can stand that must be looked at. Whatever it does
   * not match is passed on without being parsed: it must match every spelling of what could start a tool call.
   */
  readonly suspicious: RegExp
  /** Whether a tool call has begun, so that every event must be looked at. */
  readonly attentive: boolean
  /** Looks at one event. Throws `upstream_broken` for what it does not understand. */
  look(data: string): Sight
  /** The calls that have been held, when they are complete; after `release` there are none. */
  held(): readonly ToolCall[]
  release(): void
}

export type Sight =
  | 'pass'
  | 'drop'
  /** Part of a tool call, or to come after one. */
  | 'hold'
  /** As `hold`, and with it the calls are complete. */
  | 'complete'
  /** The calls are complete, and this comes after them. */
  | 'after'

/** Of one event, and of everything that is held; in bytes and characters. */
const LONGEST = 16 * 1024 * 1024

/**
 * Stands in an event stream. Text goes through as it comes, without being parsed; from the first piece of a tool call on,
 * events are held until the calls are complete and `decide` has said whether they may go on, as they came.
 */
export class EventGate {
  readonly #inspector: StreamInspector
  readonly #sink: Sink
  readonly #decide: (calls: readonly ToolCall[]) => Promise<boolean>
  readonly #overhear: ((events: Buffer) => void) | undefined
  readonly #carry = new Carry()
  #held = ''

  /**
   * `decide` resolves with whether all the calls are allowed; where it says no, it has told the client. `overhear` gets
   * everything that comes, in whole events, before anything is done with it.
   */
  constructor(
    inspector: StreamInspector,
    sink: Sink,
    decide: (calls: readonly ToolCall[]) => Promise<boolean>,
    overhear?: (events: Buffer) => void,
  ) {
    this.#inspector = inspector
    this.#sink = sink
    this.#decide = decide
    this.#overhear = overhear
  }

  /** More of the stream. Rejects with `Denied` when it must end here. */
  push(chunk: Buffer): void | Promise<void> {
    const events = this.#carry.take(chunk)
    if (events === undefined) return
    this.#overhear?.(events)
    if (this.#inspector.attentive) return this.#look(events.toString('utf8'), '')
    const suspect = this.#inspector.suspicious.exec(events.toString('latin1'))
    if (suspect === null) return this.#sink.write(events)
    // Latin-1 has one character for each byte. What ends before the first that matters is like what was never suspicious.
    const start = suspect.index < 2 ? -1 : events.lastIndexOf(EMPTY_LINE, suspect.index - 2)
    const from = start < 0 ? 0 : start + EMPTY_LINE.length
    return this.#look(events.toString('utf8', from), events.toString('utf8', 0, from))
  }

  /** The end of the stream: what is still held is complete now or never. */
  async finish(): Promise<void> {
    const rest = this.#carry.rest()
    if (rest.length > 0) await this.#look(`${rest.toString('utf8')}\n\n`, '')
    await this.#settle('')
  }

  /** Looks at each event of `text`; `before` comes before it and may be passed on. */
  async #look(text: string, before: string): Promise<void> {
    let passed = before
    for (const [event] of text.matchAll(EVENT)) {
      switch (this.#sightOf(event)) {
        case 'pass':
          passed += event
          break
        case 'hold':
          this.#hold(event)
          break
        case 'complete':
          this.#hold(event)
          passed = await this.#settle(passed)
          break
        case 'after':
          passed = (await this.#settle(passed)) + event
          break
        case 'drop':
      }
    }
    if (passed !== '') await this.#sink.write(passed)
  }

  #sightOf(event: string): Sight {
    const { attentive, suspicious } = this.#inspector
    if (!attentive && !suspicious.test(event)) return 'pass'
    const data = dataOf(event, suspicious)
    if (data === '') return 'pass'
    return this.#inspector.look(data)
  }

  #hold(event: string): void {
    this.#held += event
    if (this.#held.length > LONGEST) throw tooLong()
  }

  /** Returns what may be written: `passed`, and then what was held. */
  async #settle(passed: string): Promise<string> {
    const calls = this.#inspector.held()
    if (calls.length === 0 && this.#held === '') return passed
    if (passed !== '') await this.#sink.write(passed)
    if (calls.length > 0 && !(await this.#decide(calls))) throw new Denied()
    this.#inspector.release()
    await this.#sink.write(this.#held)
    this.#held = ''
    return ''
  }
}

/** What has come of an event that is not complete. Takes time in proportion to what comes, however small the pieces. */
class Carry {
  /** Has room for more than is in it. */
  #bytes = NOTHING
  #length = 0

  /** The events that are complete with this piece. Throws for one that is too long. */
  take(piece: Buffer): Buffer | undefined {
    // What is carried holds no end, but the end may begin in its last two bytes.
    const overlap = Math.min(2, this.#length)
    const seam =
      overlap === 0 ? piece : Buffer.concat([this.#bytes.subarray(this.#length - overlap, this.#length), piece])
    const end = endOfEvents(seam)
    if (end === 0) {
      this.#append(piece)
      return undefined
    }
    const taken = end - overlap
    if (this.#length === 0) {
      if (taken < piece.length) this.#append(piece.subarray(taken))
      return taken === piece.length ? piece : piece.subarray(0, taken)
    }
    const events = Buffer.concat([this.rest(), piece.subarray(0, taken)])
    this.#bytes = NOTHING
    this.#length = 0
    if (taken < piece.length) this.#append(piece.subarray(taken))
    return events
  }

  rest(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #append(piece: Buffer): void {
    const length = this.#length + piece.length
    if (length > LONGEST) throw tooLong()
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    piece.copy(this.#bytes, this.#length)
    this.#length = length
  }
}

const NOTHING = Buffer.alloc(0)

/** Ends the reading of a stream whose client has already been told why. */
export class Denied extends Error {}

function tooLong(): GatewayError {
  return new GatewayError('upstream_broken', 'the upstream sent an event that is too long')
}

// WHATWG HTML §9.2.5: a line ends with CR LF, LF or CR; an empty line ends the event.
const LINE_END = /\r\n|\n|\r/
const EVENT = /[\s\S]*?(?:\r\n|\n|\r(?!\n)){2}/g
const EMPTY_LINE = Buffer.from('\n\n')
const ENDS = ['\n\n', '\r\r', '\n\r\n', '\n\r'].map((end) => Buffer.from(end))

/** The length of the part in which every event is complete. */
function endOfEvents(bytes: Buffer): number {
  const { length } = bytes
  if (length > 1 && bytes[length - 1] === 10 && bytes[length - 2] === 10) return length
  return Math.max(
    ...ENDS.map((end) => {
      const at = bytes.lastIndexOf(end)
      return at < 0 ? 0 : at + end.length
    }),
  )
}

function dataOf(event: string, suspicious: RegExp): string {
  if (event.startsWith('data: ') && event.indexOf('\n') === event.length - 2) return event.slice(6, -2)
  const data: string[] = []
  for (const line of event.split(LINE_END)) {
    if (line.startsWith('data:')) data.push(line.slice(line.charAt(5) === ' ' ? 6 : 5))
    else if (!OTHER_LINE.test(line) || (line.startsWith(':') && suspicious.test(line))) throw unreadable()
  }
  return data.join('\n')
}

// What every reader takes for something else than data. A line behind a byte order mark, or one that holds what some
// readers take for its end, is none of these.
const OTHER_LINE = /^(?:|(?:event|id|retry):[ -~]*|:[ -~]*)$/

function unreadable(): GatewayError {
  return new GatewayError('upstream_broken', 'the upstream sent an event that readers do not agree about')
}
