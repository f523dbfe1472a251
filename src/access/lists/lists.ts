import { type Clock, newId } from '../../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import { AccessError } from '../errors.ts'
import type { ListBook } from './list-book.ts'
import {
  entryKey,
  isAlive,
  type ListEntry,
  type ListScope,
  parseTarget,
  type Target,
  targetText,
} from './list-entry.ts'

/** An entry that somebody wants to have. `until` in milliseconds since the epoch. */
export interface WantedEntry {
  readonly list: ListEntry['list']
  readonly target: Target
  readonly scope: ListScope
  readonly reason: string
  readonly until: number | undefined
}

export interface ListChange {
  readonly entry: ListEntry
  readonly effect: 'created' | 'updated' | 'unchanged'
}

/** The allow and deny lists of one tenant. What is written is in the store before the call resolves, and decided on from then on. */
export interface Lists {
  readonly book: ListBook
  /**
   * Adds entries, all or none. One that is there already, from the same source, has the new reason and end. Throws
   * `list_invalid`, `lists_full`.
   */
  add(source: string, by: string, wanted: readonly WantedEntry[]): Promise<readonly ListChange[]>
  /** Makes `wanted` all that this source says. */
  replace(source: string, by: string, wanted: readonly WantedEntry[]): Promise<readonly ListChange[]>
  /** Throws `list_entry_unknown`. */
  remove(id: string): Promise<ListEntry>
  /** Throws `list_invalid` where `add` would. */
  check(wanted: readonly WantedEntry[]): void
}

/** Entries that a tenant has at most; they are in memory. */
const MOST_ENTRIES = 100_000
/** Of these, what one machine feed may fill. */
const MOST_OF_A_FEED = 25_000
/** Different scopes: each is looked at for every request. */
const MOST_SCOPES = 200

/** Source of what a machine feed adds. */
export function feedSource(feed: string): string {
  return `feed:${feed}`
}

/** Opens the lists of a tenant. `actions` are those of the schema, with their groups. */
export async function openLists(deps: {
  readonly store: TenantStore
  readonly book: ListBook
  readonly clock: Clock
  readonly actions: ReadonlySet<string>
}): Promise<Lists> {
  const { store, book, clock, actions } = deps
  const rows = await store.read((q) => q.selectFrom('list_entries').selectAll().orderBy('id').execute())
  book.put(rows.map(entryOf))
  const byKey = new Map<string, ListEntry>()
  const counts = new Map<string, number>()
  for (const entry of book.entries()) byKey.set(entryKey(entry), entry)

  // One change after the other: each is made of what the last one left.
  let last: Promise<unknown> = Promise.resolve()
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
  const counted = (entry: ListEntry, step: 1 | -1): void => {
    const keys = [`source ${entry.source}`, `scope ${JSON.stringify(entry.scope)}`]
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + step)
    for (const key of keys) if (counts.get(key) === 0) counts.delete(key)
  }
  for (const entry of book.entries()) counted(entry, 1)
  const commit = async (put: readonly ListEntry[], remove: readonly ListEntry[]): Promise<void> => {
    if (put.length + remove.length === 0) return
    await store.write((q) => writeRows(q, put, remove))
    for (const entry of [...remove, ...put.flatMap(({ id }) => book.get(id) ?? [])]) counted(entry, -1)
    for (const entry of remove) byKey.delete(entryKey(entry))
    for (const entry of put) byKey.set(entryKey(entry), entry)
    for (const entry of put) counted(entry, 1)
    // At once, so that no decision sees half of a change.
    book.remove(remove.map(({ id }) => id))
    book.put(put)
  }
  const merged = (source: string, by: string, wanted: readonly WantedEntry[]): readonly ListChange[] => {
    const now = clock.now()
    const changes = new Map<string, ListChange>()
    for (const one of wanted) {
      const key = entryKey({ ...one, source })
      const known = byKey.get(key)
      const isSame = known !== undefined && known.reason === one.reason && known.until === one.until
      const entry: ListEntry = isSame
        ? known
        : { ...one, source, id: known?.id ?? newId('le', now), addedBy: by, addedAt: now }
      changes.set(key, { entry, effect: known === undefined ? 'created' : isSame ? 'unchanged' : 'updated' })
    }
    return [...changes.values()]
  }
  let sweptAt = 0
  /** What refuses nothing any more. Of an allow list, ended entries keep it closed, so they stay. */
  const spent = (): readonly ListEntry[] => {
    const now = clock.now()
    // Looking through all of them costs more than adding one.
    if (now - sweptAt < 60_000 && book.size < MOST_ENTRIES / 2) return []
    sweptAt = now
    return [...book.entries()].filter((entry) => entry.list === 'deny' && !isAlive(entry, now))
  }
  const checkRoom = (source: string, changes: readonly ListChange[], gone: readonly ListEntry[]): void => {
    const created = changes.filter(({ effect }) => effect === 'created').map(({ entry }) => entry)
    if (created.length === 0) return
    if (book.size - gone.length + created.length > MOST_ENTRIES) {
      throw new AccessError('lists_full', `the lists of a tenant have at most ${MOST_ENTRIES} entries`)
    }
    const scopes = new Set([...counts.keys()].filter((key) => key.startsWith('scope ')))
    for (const { scope } of created) scopes.add(`scope ${JSON.stringify(scope)}`)
    if (scopes.size > MOST_SCOPES) {
      throw new AccessError('lists_full', `the lists of a tenant are limited in at most ${MOST_SCOPES} different ways`)
    }
    const ofSource = (counts.get(`source ${source}`) ?? 0) + created.length
    if (source.startsWith('feed:') && ofSource > MOST_OF_A_FEED) {
      throw new AccessError('lists_full', `a feed has at most ${MOST_OF_A_FEED} entries`)
    }
  }
  const check = (wanted: readonly WantedEntry[]): void => {
    for (const { target, scope } of wanted) {
      const problem = parseTarget(targetText(target))
      if (typeof problem === 'string') throw new AccessError('list_invalid', problem)
      if (scope.actions !== undefined && !actions.has(scope.actions)) {
        throw new AccessError('list_invalid', `no action and no group of actions \`${scope.actions}\``)
      }
    }
  }

  return {
    book,
    check,
    add: (source, by, wanted) => {
      check(wanted)
      return change(async () => {
        const changes = merged(source, by, wanted)
        const touched = new Set(changes.map(({ entry }) => entry.id))
        // Whoever adds makes room; the room that ended entries take is bounded like any other.
        const gone = spent().filter(({ id }) => !touched.has(id))
        checkRoom(source, changes, gone)
        await commit(changed(changes), gone)
        return changes
      })
    },
    replace: (source, by, wanted) => {
      check(wanted)
      return change(async () => {
        const changes = merged(source, by, wanted)
        const kept = new Set(changes.map(({ entry }) => entry.id))
        const gone = [...book.entries()].filter((entry) => entry.source === source && !kept.has(entry.id))
        checkRoom(source, changes, gone)
        await commit(changed(changes), gone)
        return [...changes, ...gone.map((entry): ListChange => ({ entry, effect: 'updated' }))]
      })
    },
    remove: (id) =>
      change(async () => {
        const entry = book.get(id)
        if (entry === undefined) throw new AccessError('list_entry_unknown', `no entry \`${id}\``)
        await commit([], [entry])
        return entry
      }),
  }
}

function changed(changes: readonly ListChange[]): readonly ListEntry[] {
  return changes.filter(({ effect }) => effect !== 'unchanged').map(({ entry }) => entry)
}

type Row = TenantTables['list_entries']

/** As many as fit into one statement, with room to spare. */
const ROWS = 1000

async function writeRows(
  q: Queries<TenantTables>,
  put: readonly ListEntry[],
  remove: readonly ListEntry[],
): Promise<void> {
  const gone = [...remove, ...put].map(({ id }) => id)
  for (let at = 0; at < gone.length; at += ROWS) {
    await q
      .deleteFrom('list_entries')
      .where('id', 'in', gone.slice(at, at + ROWS))
      .execute()
  }
  for (let at = 0; at < put.length; at += ROWS) {
    await q
      .insertInto('list_entries')
      .values(put.slice(at, at + ROWS).map(rowOf))
      .execute()
  }
}

function rowOf({ id, list, target, scope, reason, source, addedBy, addedAt, until }: ListEntry): Row {
  return {
    id,
    list,
    target: targetText(target),
    project: scope.project ?? null,
    actions: scope.actions ?? null,
    reason,
    source,
    added_by: addedBy,
    added_at: addedAt,
    ends_at: until ?? null,
  }
}

/** A row that cannot be read refuses to open: an entry that is left out would let somebody through. */
function entryOf(row: Row): ListEntry {
  const target = parseTarget(row.target)
  if (typeof target === 'string') throw new AccessError('list_invalid', `the entry \`${row.id}\`: ${target}`)
  return {
    id: row.id,
    list: row.list,
    target,
    scope: {
      ...(row.project === null ? {} : { project: row.project }),
      ...(row.actions === null ? {} : { actions: row.actions }),
    },
    reason: row.reason,
    source: row.source,
    addedBy: row.added_by,
    addedAt: row.added_at,
    until: row.ends_at ?? undefined,
  }
}
