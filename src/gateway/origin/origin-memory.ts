import { type Clock, type Json, parseTxn } from '../../kernel/index.ts'
import type { ArgumentOrigins } from '../ports.ts'
import { argumentOrigins } from './argument-origins.ts'
import { Conversation, type Source } from './conversation.ts'
import { EarlierSights } from './earlier-sights.ts'

/**
 * Remembers who said what, to answer where the arguments of a call came from. Lives in memory only. The name of a
 * conversation is that of its actor, a space, and the request id, from which the memory knows whether it can have heard
 * the beginning.
 */
export interface ConversationMemory {
  /**
   * Takes note of a text in the order of the conversation. Several texts are the parts of one message. Saying the same
   * again changes nothing, so a client's whole history can be observed with every request.
   */
  observe(conversation: string, source: Source, text: string | readonly string[]): void
  /** Where each argument's value was first seen. */
  originsOf(conversation: string, args: Json): ArgumentOrigins
  /** Begins a conversation of which its client says that nothing from the actor's earlier ones is in it. */
  begin(conversation: string): void
  /** Whether the conversation is remembered, so that it can be gone on with. */
  knows(conversation: string): boolean
}

export interface OriginLimits {
  /** Conversations that are remembered. */
  readonly conversations: number
  /** Characters kept of one conversation, its decoded forms included. */
  readonly charactersEach: number
  /** Characters kept of all conversations together. */
  readonly characters: number
  /** Milliseconds without use after which a conversation is forgotten. */
  readonly idle: number
  /** How many forgotten conversations of an actor are known by name. */
  readonly forgotten: number
  /** Addresses of an actor's earlier conversations that are remembered exactly, and those of all actors. */
  readonly names: number
  readonly namesInAll: number
}

const LIMITS: OriginLimits = {
  conversations: 10_000,
  charactersEach: 4_000_000,
  characters: 100_000_000,
  idle: 24 * 60 * 60 * 1000,
  forgotten: 10_000,
  names: 20_000,
  namesInAll: 500_000,
}

/**
 * INVARIANT: forgetting makes nothing trustworthy. A conversation that was forgotten, or that began before this memory
 * did, goes on as an incomplete one: nothing in it is the user's word any more, and what is not known is untrusted.
 * Where all together are too many, whoever has most gives way: nobody can make the memory forget what others said.
 */
export function createOriginMemory(clock: Clock, limits: Partial<OriginLimits> = {}): ConversationMemory {
  const bounds = { ...LIMITS, ...limits }
  const actors = new Map<string, Actor>()
  const started = clock.now()
  // Of actors that are not known any more.
  let horizon = started
  let sweptAt = started
  let order = 0
  const total = { conversations: 0, characters: 0, names: 0 }
  // Who was asked about last: a request observes many messages.
  let latest: { readonly name: string; readonly actor: Actor; readonly entry: Entry } | undefined

  const actorOf = (name: string): Actor => {
    const id = name.slice(0, name.indexOf(' '))
    const known = actors.get(id)
    if (known !== undefined) return known
    const earlier = new EarlierSights({ names: bounds.names, characters: bounds.charactersEach })
    const actor: Actor = {
      live: new Map(),
      forgotten: new Set(),
      horizon,
      earlier,
      counted: { characters: 0, waiting: 0, names: 0 },
      usedAt: clock.now(),
    }
    actors.set(id, actor)
    return actor
  }
  const open = (name: string, actor: Actor): Conversation => {
    const isSeen = !actor.forgotten.has(name) && startOf(name) >= actor.horizon
    return new Conversation(bounds.charactersEach, isSeen ? 'seen' : 'unseen', actor.earlier)
  }
  const keep = (name: string, actor: Actor, conversation: Conversation): Entry => {
    const entry: Entry = { conversation, usedAt: clock.now() }
    actor.live.set(name, entry)
    total.conversations++
    return entry
  }
  /** The conversation, as the one that was used last. */
  const use = (name: string): { readonly actor: Actor; readonly entry: Entry } => {
    const now = clock.now()
    if (latest?.name === name) {
      latest.entry.usedAt = latest.actor.usedAt = now
      return latest
    }
    const actor = actorOf(name)
    const known = actor.live.get(name)
    if (known !== undefined) {
      actor.live.delete(name)
      actor.live.set(name, known)
    }
    const entry = known ?? keep(name, actor, open(name, actor))
    entry.usedAt = actor.usedAt = now
    latest = { name, actor, entry }
    return latest
  }

  /** After something changed: of one conversation, which had this size before, or of what the actor met earlier. */
  const count = (actor: Actor, conversation?: Conversation, before = 0): void => {
    const { counted, earlier } = actor
    const grown = (conversation?.size ?? 0) - before + earlier.waiting - counted.waiting
    total.characters += grown
    total.names += earlier.names - counted.names
    counted.characters += grown
    counted.waiting = earlier.waiting
    counted.names = earlier.names
  }
  const forget = (actor: Actor, name: string, { conversation }: Entry): void => {
    if (latest?.name === name) latest = undefined
    actor.live.delete(name)
    total.conversations--
    total.characters -= conversation.size
    actor.counted.characters -= conversation.size
    if (actor.forgotten.size >= bounds.forgotten) {
      actor.forgotten.clear()
      actor.horizon = clock.now()
    }
    actor.forgotten.add(name)
  }
  const forgetIdle = (actor: Actor, now: number): void => {
    for (const [name, entry] of actor.live) {
      if (now - entry.usedAt <= bounds.idle) return
      forget(actor, name, entry)
    }
  }
  const most = (of: (actor: Actor) => number): Actor | undefined => {
    let largest: Actor | undefined
    for (const actor of actors.values()) if (largest === undefined || of(actor) > of(largest)) largest = actor
    return largest
  }
  /** False where there is nothing to forget. */
  const giveWay = (actor: Actor | undefined): boolean => {
    const [oldest] = actor?.live ?? []
    if (actor === undefined || (oldest === undefined && actor.counted.waiting === 0)) return false
    if (oldest !== undefined && actor.counted.waiting * 2 <= actor.counted.characters) {
      forget(actor, ...oldest)
      return true
    }
    actor.earlier.dropWaiting()
    count(actor)
    return true
  }
  const keepWithinBounds = (actor: Actor): void => {
    const now = clock.now()
    forgetIdle(actor, now)
    if (now - sweptAt > SWEEP_EVERY) {
      sweptAt = now
      for (const [id, each] of actors) {
        forgetIdle(each, now)
        if (now - each.usedAt <= bounds.idle) continue
        actors.delete(id)
        total.names -= each.counted.names
        total.characters -= each.counted.waiting
        // Whatever it had begun, it began before it was used for the last time.
        horizon = Math.max(horizon, now - bounds.idle)
      }
    }
    while (total.conversations > bounds.conversations && giveWay(most(({ live }) => live.size)));
    while (total.characters > bounds.characters && giveWay(most(({ counted }) => counted.characters)));
    if (total.names <= bounds.namesInAll) return
    const largest = most(({ counted }) => counted.names)
    if (largest === undefined) return
    largest.earlier.blur()
    count(largest)
  }

  return {
    observe(name, source, text) {
      const { actor, entry } = use(name)
      const { conversation } = entry
      const { size } = conversation
      const moment = { order: order++, at: clock.now() }
      conversation.observe(source, typeof text === 'string' ? [text] : text, moment)
      count(actor, conversation, size)
      keepWithinBounds(actor)
    },
    originsOf(name, args) {
      const actor = actorOf(name)
      const live = actor.live.get(name)
      const conversation = live?.conversation ?? open(name, actor)
      const { size } = conversation
      actor.earlier.heed()
      const origins = argumentOrigins(args, conversation)
      count(actor, conversation, live === undefined ? conversation.size : size)
      keepWithinBounds(actor)
      return origins
    },
    begin(name) {
      const actor = actorOf(name)
      keep(name, actor, new Conversation(bounds.charactersEach, 'afresh', actor.earlier))
      keepWithinBounds(actor)
    },
    knows: (name) => actors.get(name.slice(0, name.indexOf(' ')))?.live.has(name) === true,
  }
}

interface Entry {
  readonly conversation: Conversation
  usedAt: number
}

interface Actor {
  /** In the order of their last use. */
  readonly live: Map<string, Entry>
  /** By name, conversations that were forgotten; of what began before `horizon`, every one. */
  readonly forgotten: Set<string>
  horizon: number
  readonly earlier: EarlierSights
  /** What of `total` is this actor's. */
  readonly counted: { characters: number; waiting: number; names: number }
  usedAt: number
}

const SWEEP_EVERY = 60_000

/** When a request id was made, from the id itself (see the kernel's ids); in milliseconds since the epoch. */
function startOf(conversation: string): number {
  const txn = parseTxn(conversation.slice(conversation.lastIndexOf('txn_')))
  if (txn === undefined) return 0
  let milliseconds = 0
  for (const digit of txn.slice(4, 14))
    milliseconds = milliseconds * 32 + '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit)
  return milliseconds
}
