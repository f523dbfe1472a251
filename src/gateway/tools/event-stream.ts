/** One event of an event stream (WHATWG HTML §9.2). `data` is empty where the event only carries an id. */
export interface StreamEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly retry: number | undefined
  readonly data: string
}

/**
 * Reads an event stream piece by piece. What it does not understand it leaves out, so that nothing reaches a client that
 * was not read here first. Throws a `RangeError` when one event is longer than `limit` characters.
 */
export class EventStreamReader {
  readonly #decoder = new TextDecoder('utf-8')
  readonly #limit: number
  #line = ''
  #data: string[] = []
  #length = 0
  #event: string | undefined
  #id: string | undefined
  #retry: number | undefined
  #afterReturn = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The events that end in this piece, in their order; a comment is an event with no field at all. */
  push(chunk: Uint8Array): readonly (StreamEvent | 'comment')[] {
    const events: (StreamEvent | 'comment')[] = []
    const text = this.#decoder.decode(chunk, { stream: true })
    let from = this.#afterReturn && text.startsWith('\n') ? 1 : 0
    if (text !== '') this.#afterReturn = text.endsWith('\r')
    for (let at = from; at < text.length; at++) {
      const character = text.charAt(at)
      if (character !== '\n' && character !== '\r') continue
      const event = this.#endLine(this.#line + text.slice(from, at))
      if (event !== undefined) events.push(event)
      this.#line = ''
      if (character === '\r' && text.charAt(at + 1) === '\n') at++
      from = at + 1
    }
    this.#line += text.slice(from)
    this.#check(this.#line.length)
    return events
  }

  #endLine(line: string): StreamEvent | 'comment' | undefined {
    if (line === '') return this.#dispatch()
    if (line.startsWith(':')) return 'comment'
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line.charAt(colon + 1) === ' ' ? 2 : 1))
    if (name === 'data') {
      // Each line counts, or empty ones would be collected without end.
      this.#length += value.length + 1
      this.#check(this.#length)
      this.#data.push(value)
    } else if (name === 'event') this.#event = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) this.#retry = Number(value)
    return undefined
  }

  #dispatch(): StreamEvent | undefined {
    const event = { event: this.#event, id: this.#id, retry: this.#retry, data: this.#data.join('\n') }
    const isEmpty = this.#data.length === 0 && event.id === undefined && event.retry === undefined
    this.#data = []
    this.#length = 0
    this.#event = undefined
    this.#id = undefined
    this.#retry = undefined
    return isEmpty ? undefined : event
  }

  #check(length: number): void {
    if (length > this.#limit) throw new RangeError(`an event is longer than ${this.#limit} characters`)
  }
}

/** An event in its one form on the wire. */
export function writeEvent({ event, id, retry, data }: StreamEvent): string {
  const fields = [
    ...(event === undefined || event === '' ? [] : [`event: ${event}`]),
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(retry === undefined ? [] : [`retry: ${retry}`]),
    ...data.split('\n').map((line) => `data: ${line}`),
  ]
  return `${fields.join('\n')}\n\n`
}
