import type { Clock } from '../../kernel/index.ts'
import { errorText } from '../../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import { AccessError } from '../errors.ts'
import type { Window } from './windows.ts'

/**
 * What was used of budgets. A reservation is charged in full when it is made and corrected when it is settled, so that
 * after a crash everything that was open is settled at full, and nothing has to be found again.
 */
export interface Ledger {
  /** Used in the window, reservations that are open included. In counts, see `toCount`. */
  used(account: Account, window: Window): number
  /**
   * Charges all of them at once, or none; then it gives the one that has no room, for its amount or for another key. It
   * counts from then on, but nothing may be done before `durable` has resolved.
   */
  charge(charges: readonly Charge[]): readonly Charged[] | Charge
  /** Resolves when everything charged so far is on disk. Rejects with `limits_unavailable`. */
  durable(): Promise<void>
  /** The highest share (percent) that was told in this window; setting it is kept with the count. */
  told(account: Account, window: Window, share?: number): number
  /** Every account of a statement that has a count, the window aside. */
  accounts(statement: string): readonly LedgerEntry[]
  /** Forgets counts of a statement: all, or those of one key. Gives how many there were; `durable` then says when. */
  reset(statement: string, key?: string): number
  /** Writes what is left to be written. */
  close(): Promise<void>
}

/** One count: of a statement, for those who share the key. */
export interface Account {
  readonly statement: string
  /** Unit and window: `tokens/day`. */
  readonly what: string
  readonly key: string
}

export interface Charge {
  readonly account: Account
  readonly window: Window
  readonly amount: number
  /** What may be used in the window at most. */
  readonly most: number
}

export interface Charged {
  /**
   * Adds to what was charged, or gives some of it back. INVARIANT: a count never falls below zero, and what was charged
   * in one window, or before a reset, is not taken from another.
   */
  correct(by: number): void
}

export interface LedgerEntry extends Account {
  readonly used: number
  readonly start: number
  readonly end: number
}

export interface LedgerOptions {
  readonly store: TenantStore
  readonly clock: Clock
  /** Told when settlements could not be written; they are tried again with the next. */
  readonly report?: (error: unknown) => void
  /** Keys that one statement counts at once. */
  readonly mostKeys?: number
}

/** Where nobody else's count is pushed out, nobody new comes in. */
const MOST_KEYS = 10_000

/** Opens the ledger of a tenant with everything that was charged before. */
export async function openLedger({
  store,
  clock,
  report = () => undefined,
  mostKeys = MOST_KEYS,
}: LedgerOptions): Promise<Ledger> {
  const rows = await store.write(async (q) => {
    await q
      .deleteFrom('limit_usage')
      .where('window_end', '<', clock.now() - LONG_AGO)
      .execute()
    return q.selectFrom('limit_usage').selectAll().execute()
  })
  const pages = new Map<string, Page>()
  for (const row of rows) {
    const { statement, what, key, used, told } = row
    const entry = { statement, what, key, start: row.window_start, end: row.window_end, used, told, epoch: 0 }
    pageOf(pages, statement).entries.set(nameOf(entry), entry)
  }
  const writer = createWriter(store, report)

  /** The count as it is in this window. A later one begins at zero; see `isNear` for one that is earlier. */
  const current = (account: Account, window: Window): Entry | undefined => {
    const entry = pages.get(account.statement)?.entries.get(nameOf(account))
    if (entry === undefined || entry.start === window.start) return entry
    if (window.start < entry.start) return isNear(entry, window) ? entry : moved(entry, window)
    return undefined
  }
  const moved = (entry: Entry, window: Window): Entry => {
    entry.start = window.start
    entry.end = window.end
    return entry
  }

  return {
    used: (account, window) => current(account, window)?.used ?? 0,
    charge(charges) {
      const sums = new Map<string, number>()
      for (const charge of charges) {
        const { account, window, amount, most } = charge
        const name = `${account.statement} ${nameOf(account)}`
        const before = (sums.get(name) ?? 0) + (current(account, window)?.used ?? 0)
        if (before + amount > most) return charge
        if (!hasRoom(pageOf(pages, account.statement), account, clock.now(), mostKeys, writer)) return charge
        sums.set(name, (sums.get(name) ?? 0) + amount)
      }
      return charges.map(({ account, window, amount }): Charged => {
        const entry = current(account, window) ?? begin(pageOf(pages, account.statement), account, window)
        entry.used += amount
        writer.note(entry)
        const { start, epoch } = entry
        return {
          correct(by) {
            if (entry.start !== start || entry.epoch !== epoch) return
            entry.used = Math.min(Math.max(0, entry.used + by), MOST)
            writer.note(entry)
          },
        }
      })
    },
    durable: () => writer.durable(),
    told(account, window, share) {
      const entry = current(account, window)
      if (entry === undefined) return 0
      const before = entry.told
      if (share !== undefined && share > before) {
        entry.told = share
        writer.note(entry)
      }
      return before
    },
    accounts: (statement) => [...(pages.get(statement)?.entries.values() ?? [])],
    reset(statement, key) {
      let count = 0
      for (const entry of pages.get(statement)?.entries.values() ?? []) {
        if (key !== undefined && entry.key !== key) continue
        clear(entry)
        writer.note(entry)
        count++
      }
      return count
    },
    close: () => writer.close(),
  }
}

// Longer than any window, so that a clock that was wrong for a while costs nobody a count.
const LONG_AGO = 35 * 86_400_000
// Still exact when a few more are added.
const MOST = 2 ** 52

interface Entry extends Account {
  start: number
  end: number
  used: number
  told: number
  /** Rises with every new beginning. */
  epoch: number
}

function clear(entry: Entry): void {
  entry.used = 0
  entry.told = 0
  entry.epoch++
}

/** The counts of one statement. */
interface Page {
  readonly entries: Map<string, Entry>
  /** While it is full: when the next of them ends. */
  fullUntil: number
}

function pageOf(pages: Map<string, Page>, statement: string): Page {
  const known = pages.get(statement)
  if (known !== undefined) return known
  const made = { entries: new Map<string, Entry>(), fullUntil: 0 }
  pages.set(statement, made)
  return made
}

function nameOf({ what, key }: Account): string {
  return `${what} ${key}`
}

function begin({ entries }: Page, account: Account, window: Window): Entry {
  const name = nameOf(account)
  const { statement, what, key } = account
  const entry = entries.get(name) ?? { statement, what, key, start: 0, end: 0, used: 0, told: 0, epoch: 0 }
  entry.start = window.start
  entry.end = window.end
  clear(entry)
  entries.set(name, entry)
  return entry
}

/**
 * A clock that goes back into the window before finds the count of the later one, and goes on there until it comes to it
 * again: nothing begins anew twice. One that goes back further was wrong before; what was counted then is taken along,
 * because it was used all the same.
 */
function isNear(entry: Entry, window: Window): boolean {
  return entry.start <= window.end
}

/** A full page is looked through once for each window that ends. */
function hasRoom(page: Page, account: Account, now: number, mostKeys: number, writer: Writer): boolean {
  const { entries } = page
  if (entries.has(nameOf(account)) || entries.size < mostKeys) return true
  if (now < page.fullUntil) return false
  let next = Number.POSITIVE_INFINITY
  for (const [name, entry] of entries) {
    if (entry.end <= now) {
      entries.delete(name)
      entry.epoch++
      writer.forget(entry)
    } else next = Math.min(next, entry.end)
  }
  if (entries.size < mostKeys) return true
  page.fullUntil = next
  return false
}

interface Writer {
  note(entry: Entry): void
  forget(account: Account): void
  durable(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds in which settlements wait for somebody else's write; a crash meanwhile leaves them at full. */
const SOON = 50

/** Writes counts as they are when their turn comes: all that changed meanwhile share one write. */
function createWriter(store: TenantStore, report: (error: unknown) => void): Writer {
  let changed = new Set<Entry>()
  let gone = new Set<Account>()
  let writing: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const write = async (): Promise<void> => {
    const [entries, removed] = [changed, gone]
    clearTimeout(timer)
    timer = undefined
    changed = new Set()
    gone = new Set()
    try {
      await store.write(async (q) => {
        for (const account of removed) await remove(q, account)
        await upsert(q, [...entries])
      })
    } catch (error) {
      for (const entry of entries) changed.add(entry)
      for (const account of removed) gone.add(account)
      throw new AccessError('limits_unavailable', 'what is used of limits cannot be kept', {
        cause: error,
        detail: errorText(error),
      })
    }
  }
  /** The write that begins when the one under way has ended, and takes everything until then. */
  const turn = (): Promise<void> => {
    next ??= (async () => {
      await (writing ?? new Promise((resolve) => setImmediate(resolve))).catch(() => undefined)
      writing = next
      next = undefined
      await write()
    })()
    return next
  }
  const soon = (): void => {
    if (next !== undefined || timer !== undefined) return
    timer = setTimeout(() => turn().catch(report), SOON)
    timer.unref()
  }

  return {
    note(entry) {
      gone.delete(entry)
      changed.add(entry)
      soon()
    },
    forget(account) {
      for (const entry of changed) if (entry === account) changed.delete(entry)
      gone.add(account)
      soon()
    },
    durable: () => (changed.size + gone.size === 0 ? (writing ?? Promise.resolve()) : turn()),
    async close() {
      await (changed.size + gone.size === 0 ? writing : turn())
    },
  }
}

// SQLite binds up to 32,766 values in one statement; building a large one costs more than it saves.
const ROWS = 100

async function upsert(q: Queries<TenantTables>, entries: readonly Entry[]): Promise<void> {
  for (let at = 0; at < entries.length; at += ROWS) {
    const rows = entries.slice(at, at + ROWS).map(({ statement, what, key, start, end, used, told }) => {
      return { statement, what, key, window_start: start, window_end: end, used, told }
    })
    await q
      .insertInto('limit_usage')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['statement', 'what', 'key']).doUpdateSet(({ ref }) => ({
          window_start: ref('excluded.window_start'),
          window_end: ref('excluded.window_end'),
          used: ref('excluded.used'),
          told: ref('excluded.told'),
        })),
      )
      .execute()
  }
}

async function remove(q: Queries<TenantTables>, { statement, what, key }: Account): Promise<void> {
  await q
    .deleteFrom('limit_usage')
    .where('statement', '=', statement)
    .where('what', '=', what)
    .where('key', '=', key)
    .execute()
}
