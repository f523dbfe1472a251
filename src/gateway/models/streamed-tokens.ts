import { BYTES_PER_TOKEN } from './estimate.ts'

/**
 * How many tokens a stream has brought, by its size: for streams that break off before they say so. An event brings one
 * at least, and what makes it longer than the shortest is text. INVARIANT: grows with the stream, however it is cut.
 */
export class StreamedTokens {
  #bytes = 0
  #events = 0
  #shortest = Number.POSITIVE_INFINITY
  #begun = 0
  #lineLength = 0

  add(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#lineLength + end - start
      this.#lineLength = 0
      // An empty line ends an event; what ends its lines with CR LF has one byte in it.
      if (line > 1) {
        this.#bytes += line
        this.#begun += line
      } else this.#endEvent()
      start = end + 1
    }
    this.#lineLength += chunk.length - start
  }

  get tokens(): number {
    const bytes = this.#bytes + this.#lineLength
    const wrapped = this.#events === 0 ? 0 : this.#events * this.#shortest
    return this.#events + Math.ceil((bytes - wrapped) / BYTES_PER_TOKEN)
  }

  #endEvent(): void {
    if (this.#begun === 0) return
    this.#events++
    this.#shortest = Math.min(this.#shortest, this.#begun)
    this.#begun = 0
  }
}

const NEWLINE = 10
