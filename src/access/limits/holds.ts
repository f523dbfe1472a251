import { type Clock, newId } from '../../kernel/index.ts'
import type { Amounts } from '../amounts.ts'
import { AccessError } from '../errors.ts'
import type { Reserved } from '../reserve.ts'

/** Reservations that enforcement points elsewhere hold. Kept in memory: what a restart forgets stays settled at full. */
export interface Holds {
  /** `ttl` in seconds: after that it is settled at full. Throws `reservations_full`. `expiresAt` in milliseconds. */
  hold(owner: string, reserved: Reserved, ttl: number): { readonly id: string; readonly expiresAt: number }
  /** Throws `reservation_unknown` for one that has ended, that never was, or that somebody else holds. */
  settle(owner: string, id: string, used: Amounts | undefined): void
  /** As `settle`, for an action that never began. */
  release(owner: string, id: string): void
  close(): void
}

/** Of one owner at the same time. */
const MOST = 10_000

export function openHolds(clock: Clock, most = MOST): Holds {
  const byOwner = new Map<string, Map<string, Hold>>()
  const take = (owner: string, id: string): Reserved => {
    const own = byOwner.get(owner)
    const found = own?.get(id)
    if (own === undefined || found === undefined) {
      throw new AccessError('reservation_unknown', 'no such reservation; it may have been settled already')
    }
    clearTimeout(found.timer)
    own.delete(id)
    if (own.size === 0) byOwner.delete(owner)
    return found.reserved
  }
  return {
    hold(owner, reserved, ttl) {
      const own = byOwner.get(owner) ?? new Map<string, Hold>()
      if (own.size >= most) {
        reserved.release()
        throw new AccessError('reservations_full', 'too many reservations are open; settle some of them')
      }
      const now = clock.now()
      const id = newId('rsv', now)
      const timer = setTimeout(() => take(owner, id).settle(), ttl * 1000)
      timer.unref()
      own.set(id, { reserved, timer })
      byOwner.set(owner, own)
      return { id, expiresAt: now + ttl * 1000 }
    },
    settle: (owner, id, used) => take(owner, id).settle(used),
    release: (owner, id) => take(owner, id).release(),
    close() {
      for (const own of byOwner.values()) for (const { timer } of own.values()) clearTimeout(timer)
      byOwner.clear()
    },
  }
}

interface Hold {
  readonly reserved: Reserved
  readonly timer: NodeJS.Timeout
}
