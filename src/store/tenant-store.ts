import { AsyncLocalStorage } from 'node:async_hooks'
import type { DatabaseSync } from 'node:sqlite'
import type { Kysely } from 'kysely'
import { StoreError } from './errors.ts'
import { kyselyOver } from './sqlite.ts'

/** What queries are written against. It is bound to one tenant's tables: no query names the tenant. */
export type Queries<Tables> = Pick<Kysely<Tables>, 'selectFrom' | 'insertInto' | 'updateTable' | 'deleteFrom'>

/**
 * A handle on the tables of one tenant (or of the system).
 * `read` sees the last committed state. `write` is one transaction: all of it or, when `work` throws, none of it;
 * writes of one handle run one after the other. Calling the handle inside `work` throws `nested_transaction`: use the
 * queries that `work` was given.
 */
export interface Store<Tables> {
  read<T>(work: (queries: Queries<Tables>) => Promise<T>): Promise<T>
  write<T>(work: (queries: Queries<Tables>) => Promise<T>): Promise<T>
}

export interface ClosableStore<Tables> extends Store<Tables> {
  close(): Promise<void>
}

export function storeOver<Tables>(db: DatabaseSync): ClosableStore<Tables> {
  const kysely = kyselyOver<Tables>(db)
  // Kysely's driver has one connection and hands it out in turn: a nested call would wait for itself for ever.
  const inside = new AsyncLocalStorage<true>()
  const checkOutside = (): void => {
    if (inside.getStore() === true) {
      throw new StoreError('nested_transaction', 'internal error', {
        detail: 'a store handle was used inside its own transaction',
      })
    }
  }
  return {
    async read(work) {
      checkOutside()
      return inside.run(true, () => kysely.connection().execute((connection) => work(facade(connection))))
    },
    async write(work) {
      checkOutside()
      return inside.run(true, () => kysely.transaction().execute((transaction) => work(facade(transaction))))
    },
    async close() {
      await kysely.destroy()
      // A Kysely that was never used does not close what it was given.
      if (db.isOpen) db.close()
    },
  }
}

function facade<Tables>(kysely: Kysely<Tables>): Queries<Tables> {
  return Object.freeze({
    selectFrom: kysely.selectFrom.bind(kysely),
    insertInto: kysely.insertInto.bind(kysely),
    updateTable: kysely.updateTable.bind(kysely),
    deleteFrom: kysely.deleteFrom.bind(kysely),
  }) as Queries<Tables> // bind() loses the overloads, not the functions
}
