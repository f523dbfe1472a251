import { z } from 'zod'
import { AuditError, RECORD_KINDS, type RecordFilter, type SearchPage, type StoredRecord } from '../../audit/index.ts'
import { type Context, type Json, parseTxn } from '../../kernel/index.ts'
import { HttpError } from '../errors.ts'
import { Bytes, type Route, route, streamed } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'
import { decideReading, mayReadBodies, type Reading, shown } from './read-bodies.ts'

const text = z.string().min(1).max(1024)
const moment = z.iso.datetime({ offset: true }).transform((value) => Date.parse(value))

const filterShape = {
  kind: z.enum(RECORD_KINDS).optional(),
  principal: text.optional(),
  subject: text.optional(),
  action: text.optional(),
  resource: text.optional(),
  decision: z.enum(['allow', 'deny', 'observed-deny']).optional(),
  policy: text.optional(),
  txn: text.optional(),
  from: moment.optional(),
  to: moment.optional(),
  text: text.optional(),
}

/** Whether bodies are wanted; without it they come where they may be read. */
const bodies = z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional()

const record = z
  .object({ index: z.number(), kind: z.enum(RECORD_KINDS), at: z.number(), erased: z.boolean() })
  .catchall(z.unknown())

/** Reading the log. Reading is itself decided and recorded. */
export const recordRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/records',
    summary: 'Search the log, newest first; everything of one request with `txn`, oldest first',
    action: 'log:read',
    query: z.strictObject({
      ...filterShape,
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      cursor: text.optional(),
      bodies,
    }),
    answer: z.object({ records: z.array(record), cursor: z.string().optional() }),
    decide: async (call) => decideReading(call, readingOf(call.query)),
    handle: async ({ tenant, ctx, query, note }) => {
      const { limit, cursor, bodies: _, ...filter } = query
      const page = onlyTxn(filter)
        ? await everythingOf(tenant, filter.txn)
        : await tenant.log.search(filterOf(filter), { limit, ...(cursor === undefined ? {} : { cursor }) })
      note({ filter: Object.keys(filter), ...whatWasRead(page.records, ctx) })
      return { ...page, records: page.records.map((one) => shown(one, ctx)) }
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/records/tail',
    summary: 'Follow the log: server-sent events, one record each, from now on',
    action: 'log:read',
    query: z.strictObject({ ...filterShape, bodies }),
    produces: 'text/event-stream',
    decide: async (call) => decideReading(call, readingOf(call.query)),
    handle: async ({ tenant, query: { bodies: _, ...asked }, raw, ctx, signal, note }) => {
      const filter = filterOf(asked)
      note({ filter: Object.keys(filter), bodies: mayReadBodies(ctx) })
      const closed = tenant.onCut(ctx, () => raw.end(), mayReadBodies(ctx) ? 'log:read_body' : 'log:read')
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'sallyport-txn': ctx.txn })
      raw.write(': the log from here on\n\n')
      const end = followLog(tenant.log, filter, raw, (entry) => shown(entry, ctx))
      signal.addEventListener('abort', () => {
        end()
        closed()
      })
      return streamed
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/records/:index',
    summary: 'Read one record',
    action: 'log:read',
    query: z.strictObject({ bodies }),
    answer: record,
    decide: async (call) => decideReading(call, readingOf(call.query)),
    handle: async ({ tenant, params, ctx, note }) => {
      const found = await tenant.log.read(indexOf(params.index))
      if (found === undefined) throw new AuditError('record_unknown', `no record \`${params.index}\``)
      note({ bodies: mayReadBodies(ctx) })
      return shown(found, ctx)
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/records/:index/receipt',
    summary: 'The proof that a record is in the log (C2SP tlog-proof)',
    action: 'log:read',
    produces: 'text/plain',
    handle: async ({ tenant, params }) =>
      new Bytes(await tenant.log.receipt(indexOf(params.index)), { 'content-type': 'text/plain; charset=utf-8' }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/records/forget',
    summary: 'Erase a person: every body that names them becomes unreadable at once; all proofs stay',
    action: 'log:forget',
    body: z.strictObject({ person: text.meta({ description: 'the id of a user' }) }),
    answer: z.object({
      person: z.string(),
      records: z.number(),
      keys: z.number(),
      changes: z.number().describe('of what decisions were made on, those that named the person'),
    }),
    handle: async ({ tenant, ctx, body: { person }, note }) => {
      // What was ordered is durable before anything is destroyed; the outcome says what came of it.
      const order = { operation: 'log:forget', person, by: ctx.caller.chain.map(({ id }) => id) }
      const { tenant: id, txn, trace } = ctx
      await tenant.log.append({ kind: 'change', tenant: id, txn, trace, at: ctx.clock.now(), body: order })
      const { records, keys } = await tenant.log.forgetPerson(person)
      const { changes } = await tenant.history.journal.forget(person)
      note({ records, keys, changes })
      return { person, records, keys, changes }
    },
  }),
]

type FilterQuery = { readonly [K in keyof typeof filterShape]?: z.output<(typeof filterShape)[K]> }

function filterOf({ txn, ...rest }: FilterQuery): RecordFilter {
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  if (txn === undefined) return given
  const parsed = parseTxn(txn)
  if (parsed === undefined) throw new HttpError('query_invalid', `\`${txn}\` is not a request id`)
  return { ...given, txn: parsed }
}

// What the leaf shows of a record. A request id is known to whoever asks by it.
const BY_LEAF: ReadonlySet<string> = new Set(['kind', 'from', 'to', 'txn', 'limit', 'cursor', 'bodies'])

function readingOf(given: unknown): Reading {
  const query = given as FilterQuery & { readonly bodies?: boolean } // parsed with the schema of its route
  const asked = Object.entries(query).filter(([, value]) => value !== undefined)
  const byContent = asked.some(([name]) => !BY_LEAF.has(name))
  return query.bodies === undefined ? { byContent } : { byContent, bodies: query.bodies }
}

async function everythingOf(tenant: TenantFace, given: string | undefined): Promise<SearchPage> {
  const txn = parseTxn(given)
  return { records: txn === undefined ? [] : await tenant.log.byTxn(txn) }
}

/** Which records somebody has seen, for the record of it. */
function whatWasRead(records: readonly StoredRecord[], ctx: Context): { readonly [name: string]: Json } {
  const indices = records.map(({ index }) => index)
  const about = { bodies: mayReadBodies(ctx), records: indices.length }
  return indices.length === 0 ? about : { ...about, from: Math.min(...indices), to: Math.max(...indices) }
}

function onlyTxn(query: FilterQuery): boolean {
  return query.txn !== undefined && Object.values(query).filter((value) => value !== undefined).length === 1
}

function indexOf(value: string | undefined): number {
  return /^(0|[1-9]\d{0,14})$/.test(value ?? '') ? Number(value) : -1
}

// A reader that does not read must not make the server remember everything for it.
const MAX_BEHIND = 4 * 1024 * 1024

function followLog(
  log: { tail(listener: (record: StoredRecord) => void, filter: RecordFilter): () => void },
  filter: RecordFilter,
  raw: Parameters<Route['handle']>[0]['raw'],
  show: (record: StoredRecord) => object,
): () => void {
  const stop = log.tail((entry) => {
    raw.write(`id: ${entry.index}\ndata: ${JSON.stringify(show(entry))}\n\n`)
    if (raw.writableLength > MAX_BEHIND) raw.destroy()
  }, filter)
  const alive = setInterval(() => raw.write(': alive\n\n'), 15_000)
  return () => {
    clearInterval(alive)
    stop()
  }
}
