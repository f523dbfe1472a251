import type { TenantId } from '../kernel/index.ts'
import type { PreparedRecord } from './log-file.ts'
import { hasOutcome, type JsonObject, type StoredRecord } from './record.ts'
import { matches, type RecordFilter } from './search.ts'

/** Gets each record once it is durable, in the order of their indices. Must not throw: a listener that does is dropped. */
export type RecordListener = (record: StoredRecord) => void

/** Who follows the log while it grows. */
export class Tail {
  readonly #listeners = new Set<{ readonly listener: RecordListener; readonly filter: RecordFilter }>()
  readonly #tenant: TenantId

  constructor(tenant: TenantId) {
    this.#tenant = tenant
  }

  follow(listener: RecordListener, filter: RecordFilter): () => void {
    const entry = { listener, filter }
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  committed(first: number, batch: readonly PreparedRecord[]): void {
    if (this.#listeners.size === 0) return
    for (const [i, prepared] of batch.entries()) {
      const record = storedForm(prepared, first + i, this.#tenant)
      for (const entry of this.#listeners) {
        if (!matches(record, entry.filter)) continue
        try {
          entry.listener(record)
        } catch {
          this.#listeners.delete(entry)
        }
      }
    }
  }
}

function storedForm({ record }: PreparedRecord, index: number, tenant: TenantId): StoredRecord {
  return {
    index,
    kind: record.kind,
    tenant,
    at: record.at,
    erased: false,
    txn: record.txn,
    trace: record.trace,
    // Bodies are JSON: encodeBodyText has refused the record otherwise.
    body: record.body as JsonObject,
    ...(record.kind === 'outcome' ? { of: record.body.of } : {}),
    ...(record.kind === 'decision' && hasOutcome(record.body) ? { outcome: { status: 'pending' } } : {}),
  }
}
