import type { Caller } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'

/** A request under way, for whoever may have to break it off: the client by hanging up, Sallyport by cutting it. */
export class Flight {
  /** Who makes the request, once that is known. */
  caller: Caller | undefined
  /** Decides again whether it may go on, for one that has gone upstream. */
  isAllowed: (() => boolean) | undefined
  /** Where it stands among the others, -1 when it does not. */
  place = -1
  #error: GatewayError | undefined
  #stop: ((error: GatewayError) => void) | undefined

  /** Why it was broken off. */
  get error(): GatewayError | undefined {
    return this.#error
  }

  /** Only the first reason counts. */
  abort(error: GatewayError): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#stop?.(error)
  }

  /** Throws where it was already broken off. */
  check(): void {
    if (this.#error !== undefined) throw this.#error
  }

  /** What to stop when it is broken off; replaces what was to be stopped before. Throws like `check`. */
  onAbort(stop: ((error: GatewayError) => void) | undefined): void {
    this.check()
    this.#stop = stop
  }
}

/** The requests that are under way. */
export class Flights {
  // A list that closes its gaps. In a Map, what was deleted would stay reachable from its outgrown tables, and with it
  // the whole request, until the next full collection.
  readonly #open: Flight[] = []

  get size(): number {
    return this.#open.length
  }

  add(flight: Flight, caller: Caller): void {
    flight.caller = caller
    flight.place = this.#open.push(flight) - 1
  }

  remove(flight: Flight): void {
    const last = this.#open.length - 1
    const moved = this.#open[last]
    if (flight.place < 0 || moved === undefined) return
    this.#open[flight.place] = moved
    moved.place = flight.place
    this.#open.pop()
    flight.place = -1
  }

  /** Breaks off what the callers make of whom this is true. */
  cut(isConcerned: (caller: Caller) => boolean, message: string): void {
    for (const flight of [...this.#open]) {
      if (flight.caller !== undefined && isConcerned(flight.caller)) flight.abort(new GatewayError('cut', message))
    }
  }

  /** Breaks off what would be denied now. What cannot be decided is denied. */
  lookAgain(): void {
    for (const flight of [...this.#open]) {
      if (flight.error !== undefined || flight.isAllowed === undefined) continue
      if (!isStillAllowed(flight.isAllowed)) {
        flight.abort(new GatewayError('cut', 'access was taken away while the request was under way'))
      }
    }
  }

  /** Breaks off everything, because Sallyport stops. */
  cutAll(): void {
    for (const flight of [...this.#open]) flight.abort(new GatewayError('cut', 'sallyport is shutting down'))
  }
}

function isStillAllowed(decide: () => boolean): boolean {
  try {
    return decide()
  } catch {
    return false
  }
}
