import type { Decision } from '../../access/index.ts'
import { mayGoOn, verdictOf } from '../../access/index.ts'
import type { Context, Json } from '../../kernel/index.ts'
import type { Upstream } from '../catalog/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Asked } from '../protocol.ts'
import { recordDecision } from '../stages/record-decision.ts'
import { recordOutcome } from '../stages/record-outcome.ts'
import { serverQuestion } from './methods.ts'
import { listOwnTools } from './own-listing.ts'
import { pinTools } from './pin-tools.ts'

/**
 * What is known of the tools of each server, kept up with what the servers say. One listing of a server is taken in after
 * the other.
 */
export class ToolListings {
  readonly #last = new Map<string, Promise<void>>()
  readonly #own = new Map<string, { readonly at: number; readonly listing: Promise<void> }>()
  readonly #stale = new Set<string>()

  /**
   * Takes in what a server has shown somebody of its tools. Where the operator accepts what a server has at first, that
   * is what it shows to Sallyport in full, and not the page that a client has asked for.
   */
  async pin(ctx: Context, upstream: Upstream, definitions: readonly Json[], ports: GatewayPorts): Promise<void> {
    if (isFirst(upstream, ports)) await this.refresh(ctx, upstream, ports)
    await this.#inTurn(ctx, upstream, () => pinTools(ctx, upstream, definitions, ports))
  }

  /**
   * Asks the server itself, with Sallyport's own credential, so that no tool is called before its definition was seen.
   * Callers at the same time share one listing, and a server is not asked again within seconds of the last time; for a
   * caller who may not connect to it, it is not asked at all. Rejects when the listing cannot be had, or cannot be recorded.
   */
  async refresh(ctx: Context, upstream: Upstream, ports: GatewayPorts): Promise<void> {
    const question = serverQuestion('toolserver:connect', upstream.id)
    const decision = ports.access.decide(ctx, question)
    if (!mayGoOn(decision)) return
    const name = nameOf(ctx, upstream)
    const known = this.#own.get(name)
    const now = ctx.clock.now()
    if (known !== undefined && now - known.at < PAUSE && !this.#stale.has(name)) return known.listing
    this.#stale.delete(name)
    const listing = this.#listOwn(ctx, upstream, { question, decision }, ports)
    this.#own.set(name, { at: now, listing })
    return listing
  }

  /**
   * The same for an operator, whose right to review tools was decided and recorded before. Resolves with the number of
   * tools that the server shows.
   */
  async look(ctx: Context, upstream: Upstream, ports: GatewayPorts): Promise<number> {
    const tools = await listOwnTools(upstream, ports)
    await this.#inTurn(ctx, upstream, () => pinTools(ctx, upstream, tools, ports, isFirst(upstream, ports)))
    return tools.length
  }

  /** The server has said that its tools are others now. */
  markStale(ctx: Context, upstream: Upstream): void {
    this.#stale.add(nameOf(ctx, upstream))
  }

  isStale(ctx: Context, upstream: Upstream): boolean {
    return this.#stale.has(nameOf(ctx, upstream))
  }

  async #listOwn(
    ctx: Context,
    upstream: Upstream,
    { question, decision }: { readonly question: Asked; readonly decision: Decision },
    ports: GatewayPorts,
  ): Promise<void> {
    const started = ctx.clock.now()
    const detail = { purpose: 'sallyport lists the tools of the server' }
    // No record, no action: this goes upstream too.
    const decided = { questions: [question], decisions: [decision], outcome: verdictOf(decision), detail } as const
    const record = await recordDecision(ctx, decided, ports)
    try {
      const tools = await listOwnTools(upstream, ports)
      await this.#inTurn(ctx, upstream, () => pinTools(ctx, upstream, tools, ports, isFirst(upstream, ports)))
      recordOutcome(ctx, record, started, { status: 'ok', detail: { listed: tools.length } }, ports)
    } catch (error) {
      recordOutcome(ctx, record, started, { status: 'upstream_failed' }, ports)
      throw error
    }
  }

  #inTurn(ctx: Context, upstream: Upstream, work: () => Promise<void>): Promise<void> {
    const name = nameOf(ctx, upstream)
    const mine = (this.#last.get(name) ?? Promise.resolve()).then(work)
    this.#last.set(
      name,
      mine.catch(() => undefined),
    )
    return mine
  }
}

/** Milliseconds. */
const PAUSE = 5000

function isFirst(upstream: Upstream, ports: GatewayPorts): boolean {
  return upstream.acceptFirst && ports.catalog.tools(upstream.id).length === 0
}

function nameOf(ctx: Context, upstream: Upstream): string {
  return `${ctx.tenant}/${upstream.id}`
}
