import type { PrincipalId, PrincipalRef } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'

/** A request under way, for whoever may have to break it off: the client by hanging up, Sallyport by cutting it. */
export class Flight {
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

/** The requests that are under way, by who makes them. */
export class Flights {
  readonly #open = new Map<Flight, readonly PrincipalRef[]>()

  get size(): number {
    return this.#open.size
  }

  add(flight: Flight, chain: readonly PrincipalRef[]): void {
    this.#open.set(flight, chain)
  }

  remove(flight: Flight): void {
    this.#open.delete(flight)
  }

  /** Breaks off whatever one of `principals` takes part in, itself or as the sponsor of an agent. */
  cut(principals: ReadonlySet<PrincipalId>, sponsorOf: (agent: PrincipalId) => PrincipalId | undefined): void {
    for (const [flight, chain] of this.#open) {
      if (chain.some((link) => principals.has(link.id) || principals.has(sponsorOf(link.id) ?? link.id))) {
        flight.abort(new GatewayError('cut', 'access was suspended while the request was under way'))
      }
    }
  }

  /** Breaks off everything, because Sallyport stops. */
  cutAll(): void {
    for (const flight of this.#open.keys()) flight.abort(new GatewayError('cut', 'sallyport is shutting down'))
  }
}
