import { randomUUID } from 'node:crypto'
import type { Clock } from '../../kernel/index.ts'
import type { TenantStore, TenantTables } from '../../store/index.ts'
import type { Access } from '../access.ts'
import { erasedChange, isNamedIn } from './erased-change.ts'
import { type KeptChange, WorldTimeline } from './world-timeline.ts'
import type { WorldChange } from './world-versions.ts'

/** Keeps the states that decisions are made in, so that they can be made again. */
export interface WorldJournal {
  /** Of the state as it is now. */
  readonly version: number
  /** Everything that is kept; what was noted before the call is in it. */
  timeline(): Promise<WorldTimeline>
  /** What a timeline is made of, for one in another thread. */
  changes(): Promise<readonly KeptChange[]>
  /**
   * Takes somebody out of everything that is kept: what was about them, and their name wherever else it stood. Decisions
   * that looked at any of it cannot be made again. What there is now of them is kept on, as a new state.
   */
  forget(person: string): Promise<{ readonly changes: number }>
  /** Forgets states that ended before this moment, in milliseconds since the epoch. Resolves with how many changes went. */
  fold(before: number): Promise<number>
  /** Resolves when everything that was noted before is on disk. */
  durable(): Promise<void>
  close(): Promise<void>
}

export interface WorldJournalDeps {
  readonly store: TenantStore
  readonly access: Pick<Access, 'keepStates' | 'state'>
  readonly clock: Clock
  /** Where changes could not be written; they are in force all the same, and it is tried again. */
  readonly report: (error: unknown) => void
}

/**
 * Goes on from the last state that was kept: where things are otherwise now, that is a new state. INVARIANT: changes are
 * in force before they are on disk, so a version that was lost in a crash is never given to another state: each opening
 * has versions of its own. Decisions that name a lost one cannot be made again.
 */
export async function openWorldJournal({ store, access, clock, report }: WorldJournalDeps): Promise<WorldJournal> {
  const kept = await keptState(store)
  const first = (Math.floor(kept.version / PER_OPENING) + 1) * PER_OPENING
  const queue: Row[] = []
  let newest = first
  let writing: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  const write = async (): Promise<void> => {
    while (queue.length > 0) {
      const rows = queue.slice(0, AT_ONCE)
      await store.write(async (q) => {
        for (let at = 0; at < rows.length; at += PER_STATEMENT) {
          await q
            .insertInto('world_changes')
            .values(rows.slice(at, at + PER_STATEMENT))
            .execute()
        }
      })
      queue.splice(0, rows.length)
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(retry)
    writing ??= write().finally(() => {
      writing = undefined
    })
    return writing
  }
  const put = (version: number, changes: readonly WorldChange[]): void => {
    newest = version
    const at = clock.now()
    for (const change of changes) queue.push(rowOf(version, at, change))
  }
  const later = (error: unknown): void => {
    report(error)
    retry = setTimeout(() => flush().catch(later), RETRY).unref()
  }
  // Between what is compared here and what is listened to from here on, nothing else runs.
  put(first, [{ key: '', value: undefined }, ...changesFrom(kept.values, access.state())])
  const noteNow = access.keepStates(first, (version, changes) => {
    put(version, changes)
    if (writing === undefined) flush().catch(later)
  })
  await flush()

  const changes = async (): Promise<readonly KeptChange[]> => {
    await flush()
    const rows = await store.read((q) =>
      q.selectFrom('world_changes').selectAll().orderBy('version').orderBy('key').execute(),
    )
    return rows.map(({ version, key, value, erased }) => ({ version, key, value, erased: erased === 1 }))
  }
  return {
    get version() {
      return newest
    },
    timeline: async () => new WorldTimeline(await changes()),
    changes,
    async forget(person) {
      await flush()
      const changes = await store.write(async (q) => {
        // A stand-in of its own, so that nobody can try names until one fits.
        const standIn = `forgotten-${randomUUID()}`
        let count = 0
        for (const row of await q.selectFrom('world_changes').selectAll().execute()) {
          const erased = erasedChange(row, person, standIn)
          if (erased === undefined) continue
          count++
          const { version } = row
          await q.deleteFrom('world_changes').where('version', '=', version).where('key', '=', row.key).execute()
          const next = erased === 'gone' ? { ...row, key: '', value: null } : { ...row, value: erased }
          await q
            .insertInto('world_changes')
            .values({ ...next, erased: 1 })
            .onConflict((conflict) => conflict.columns(['version', 'key']).doUpdateSet({ erased: 1 }))
            .execute()
        }
        return count
      })
      const now = [...access.state()].filter(
        ({ key, value = '' }) => isNamedIn(key, person) || isNamedIn(value, person),
      )
      // INVARIANT: where something was erased there is a newer state, so that who has read the older ones reads them again.
      noteNow(now.length === 0 && changes > 0 ? [{ key: '', value: undefined }] : now)
      await flush()
      return { changes }
    },
    async fold(before) {
      await flush()
      return store.write(async (q) => {
        const rows = await q.selectFrom('world_changes').selectAll().orderBy('version').execute()
        const base = rows.findLast(({ at }) => at < before)?.version
        if (base === undefined || base === rows[0]?.version) return 0
        const newest = new Map<string, Row>()
        for (const row of rows) if (row.version <= base) newest.set(row.key, row)
        await q.deleteFrom('world_changes').where('version', '<=', base).execute()
        const left = [...newest.values()].filter(
          ({ key, value, erased }) => key === '' || value !== null || erased === 1,
        )
        const marked = newest.has('') ? left : [...left, rowOf(base, before, { key: '', value: undefined })]
        const folded = marked.map((row) => ({ ...row, version: base }))
        for (let at = 0; at < folded.length; at += PER_STATEMENT) {
          await q
            .insertInto('world_changes')
            .values(folded.slice(at, at + PER_STATEMENT))
            .execute()
        }
        return rows.filter(({ version }) => version <= base).length - folded.length
      })
    },
    durable: flush,
    async close() {
      await flush().catch(report)
      clearTimeout(retry)
    },
  }
}

type Row = TenantTables['world_changes']

/** Versions of one opening: more changes than a process ever sees. */
const PER_OPENING = 2 ** 32
/** Rows of one transaction. */
const AT_ONCE = 5_000
/** SQLite takes so many values in one statement, several to a row. */
const PER_STATEMENT = 500
/** Milliseconds until a failed write is tried again. */
const RETRY = 1_000

function rowOf(version: number, at: number, { key, value }: WorldChange): Row {
  return { version, key, value: value ?? null, erased: 0, at }
}

async function keptState(
  store: TenantStore,
): Promise<{ readonly version: number; readonly values: ReadonlyMap<string, string> }> {
  const rows = await store.read((q) =>
    q.selectFrom('world_changes').select(['version', 'key', 'value']).orderBy('version').execute(),
  )
  const values = new Map<string, string>()
  for (const { key, value } of rows) {
    if (value === null) values.delete(key)
    else values.set(key, value)
  }
  return { version: rows.at(-1)?.version ?? -1, values }
}

/** What leads from what was kept to what there is. */
function changesFrom(before: ReadonlyMap<string, string>, now: Iterable<WorldChange>): WorldChange[] {
  const changes: WorldChange[] = []
  const seen = new Set<string>()
  for (const { key, value } of now) {
    seen.add(key)
    if (before.get(key) !== value) changes.push({ key, value })
  }
  for (const key of before.keys()) if (!seen.has(key)) changes.push({ key, value: undefined })
  return changes
}
