import { type Clock, type Json, parseTxn } from '../../kernel/index.ts'
import type { ArgumentOrigins } from '../ports.ts'
import { argumentOrigins } from './argument-origins.ts'
import { Conversation, type Source } from './conversation.ts'

/** Remembers who said what, to answer where the arguments of a call came from. Lives in memory only. */
export interface ConversationMemory {
  /**
   * Takes note of a text in the order of the conversation. Several texts are the parts of one message. Saying the same
   * again changes nothing, so a client's whole history can be observed with every request.
   * `conversation` ends in the request id: from it the memory knows whether it can have heard the beginning.
   */
  observe(conversation: string, source: Source, text: string | readonly string[]): void
  /** Where each argument's value was first seen. */
  originsOf(conversation: string, args: Json): ArgumentOrigins
}

export interface OriginLimits {
  readonly conversations: number
  /** Characters kept of one conversation, its decoded forms included. */
  readonly charactersEach: number
  /** Characters kept of all conversations together. */
  readonly characters: number
  /** Milliseconds without use after which a conversation is forgotten. */
  readonly idle: number
  /** How many forgotten conversations are known by name. */
  readonly forgotten: number
}

const LIMITS: OriginLimits = {
  conversations: 10_000,
  charactersEach: 4_000_000,
  characters: 100_000_000,
  idle: 24 * 60 * 60 * 1000,
  forgotten: 100_000,
}

/**
 * INVARIANT: forgetting makes nothing trustworthy. A conversation that was forgotten, or that began before this memory
 * did, goes on as an incomplete one: nothing in it is the user's word any more, and what is not known is untrusted.
 */
export function createOriginMemory(clock: Clock, limits: Partial<OriginLimits> = {}): ConversationMemory {
  const bounds = { ...LIMITS, ...limits }
  // In the order of their last use, and when that was.
  const live = new Map<string, { readonly conversation: Conversation; readonly usedAt: number }>()
  const forgotten = new Set<string>()
  let horizon = clock.now()
  let total = 0

  const forget = (name: string, conversation: Conversation): void => {
    live.delete(name)
    total -= conversation.size
    if (forgotten.size >= bounds.forgotten) {
      forgotten.clear()
      horizon = clock.now()
    }
    forgotten.add(name)
  }
  const forgetIdle = (now: number): void => {
    for (const [name, { conversation, usedAt }] of live) {
      if (now - usedAt <= bounds.idle && live.size <= bounds.conversations && total <= bounds.characters) return
      forget(name, conversation)
    }
  }
  const open = (name: string): Conversation =>
    live.get(name)?.conversation ??
    new Conversation(bounds.charactersEach, !forgotten.has(name) && startOf(name) >= horizon)

  return {
    observe(name, source, text) {
      const now = clock.now()
      const conversation = open(name)
      const before = live.has(name) ? conversation.size : 0
      live.delete(name)
      live.set(name, { conversation, usedAt: now })
      conversation.observe(source, typeof text === 'string' ? [text] : text)
      total += conversation.size - before
      forgetIdle(now)
    },
    originsOf(name, args) {
      const conversation = open(name)
      const before = conversation.size
      const origins = argumentOrigins(args, conversation)
      if (live.has(name)) total += conversation.size - before
      forgetIdle(clock.now())
      return origins
    },
  }
}

/** When a request id was made, from the id itself (see the kernel's ids); in milliseconds since the epoch. */
function startOf(conversation: string): number {
  const txn = parseTxn(conversation.slice(conversation.lastIndexOf('txn_')))
  if (txn === undefined) return 0
  let milliseconds = 0
  for (const digit of txn.slice(4, 14))
    milliseconds = milliseconds * 32 + '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit)
  return milliseconds
}
