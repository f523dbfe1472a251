import { z } from 'zod'
import {
  AccessError,
  feedSource,
  type ListChange,
  type ListEntry,
  listEntryBody,
  resourceNamed,
  targetText,
  type WantedEntry,
} from '../../access/index.ts'
import { actorOf, type Context, digestJson, type Json } from '../../kernel/index.ts'
import { type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'

const entryAnswer = z.object({
  id: z.string(),
  list: z.enum(['deny', 'allow']),
  target: z.string(),
  project: z.string().optional(),
  actions: z.string().optional(),
  reason: z.string(),
  source: z.string(),
  addedBy: z.string(),
  addedAt: z.string(),
  until: z.string().optional(),
  ended: z.boolean(),
})
const changesAnswer = z.object({
  changes: z.array(
    z.object({ id: z.string(), target: z.string(), effect: z.enum(['created', 'updated', 'unchanged']) }),
  ),
})

/** One request brings at most so many; all of them or none. */
const MOST = 10_000
const DAY = 86_400_000
/** What a machine may put on a list is for a time. */
const LONGEST_FEED = 30 * DAY

/** Allow and deny lists. */
export const listRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/lists',
    summary: 'List the entries of the allow and deny lists',
    action: 'list:read',
    query: z.strictObject({
      list: z.enum(['deny', 'allow']).optional(),
      kind: z.string().max(32).optional().meta({ description: 'as in `network`' }),
      source: z.string().max(256).optional(),
      after: z.string().max(64).optional().meta({ description: 'the id of the last entry of the page before' }),
      limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    }),
    answer: z.object({ entries: z.array(entryAnswer), after: z.string().optional() }),
    handle: async ({ tenant, ctx, query }) => {
      const found = [...tenant.lists.book.entries()]
        .filter(({ list, target, source, id }) => {
          if (query.list !== undefined && list !== query.list) return false
          if (query.kind !== undefined && target.kind !== query.kind) return false
          return (
            (query.source === undefined || source === query.source) && (query.after === undefined || id > query.after)
          )
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1))
      const page = found.slice(0, query.limit)
      const last = page.at(-1)
      return {
        entries: page.map((entry) => answerOf(entry, ctx.clock.now())),
        ...(last === undefined || found.length === page.length ? {} : { after: last.id }),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/lists',
    summary: 'Add entries to the allow and deny lists, all or none; in force with the next decision',
    action: 'list:change',
    body: z.strictObject({ entries: z.array(listEntryBody).min(1).max(MOST), lockOut: z.boolean().default(false) }),
    answer: changesAnswer,
    handle: async ({ tenant, ctx, body, note }) => {
      tenant.lists.check(body.entries)
      if (!body.lockOut) {
        await checkWayBack(tenant, ctx, body.entries)
        const question = { action: 'list:change', resource: { type: 'Tenant', id: tenant.id } }
        const [refusal] = tenant.access.refusalsBy(ctx, question, body.entries)
        if (refusal !== undefined) {
          throw new AccessError('locked_out', 'this would refuse you yourself the way back; ask for it with `lockOut`')
        }
      }
      const changes = await tenant.lists.add('admin', actorOf(ctx.caller).id, body.entries)
      note(noteOf(changes))
      return { changes: changes.map(changeOf) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/t/:tenant/api/lists/:entry',
    summary: 'Remove an entry, whoever has added it',
    action: 'list:change',
    answer: entryAnswer,
    handle: async ({ tenant, ctx, params, note }) => {
      const entry = await tenant.lists.remove(params.entry ?? '')
      note({ removed: describe(entry) })
      return answerOf(entry, ctx.clock.now())
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/lists/feed',
    summary: 'Put on the deny list for a time, as a machine that watches',
    action: 'list:feed',
    body: z.strictObject({ entries: z.array(listEntryBody).min(1).max(MOST) }),
    answer: changesAnswer,
    handle: async ({ tenant, ctx, body, note }) => {
      const now = ctx.clock.now()
      for (const { list, target, until } of body.entries) {
        if (list !== 'deny') throw invalid('a feed adds to deny lists only')
        if (until === undefined || until > now + LONGEST_FEED)
          throw invalid('a feed gives an end, at most 30 days ahead')
        const { kind, value } = target
        // Everything is in the tenant, the lists themselves among it.
        if (kind === 'resource' && resourceNamed(value).type === 'Tenant') {
          throw invalid(`\`${value}\` is more than a feed may deny at once`)
        }
        if (kind === 'network' && Number(value.split('/')[1] ?? 32) < (value.includes(':') ? 20 : 8)) {
          throw invalid(`\`${value}\` is more than a feed may deny at once`)
        }
      }
      tenant.lists.check(body.entries)
      await checkWayBack(tenant, ctx, body.entries)
      const { id } = actorOf(ctx.caller)
      const changes = await tenant.lists.add(feedSource(id), id, body.entries)
      note(noteOf(changes))
      return { changes: changes.map(changeOf) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/t/:tenant/api/lists/feed/:entry',
    summary: 'Remove an entry that one has added as a machine',
    action: 'list:feed',
    answer: entryAnswer,
    handle: async ({ tenant, ctx, params, note }) => {
      const { entry: id = '' } = params
      // What others have added is not there for a feed.
      if (tenant.lists.book.get(id)?.source !== feedSource(actorOf(ctx.caller).id)) {
        throw new AccessError('list_entry_unknown', `no entry \`${id}\``)
      }
      const entry = await tenant.lists.remove(id)
      note({ removed: describe(entry) })
      return answerOf(entry, ctx.clock.now())
    },
  }),
]

/** One who may fill lists must not be able to keep everybody else from emptying them. */
async function checkWayBack(tenant: TenantFace, ctx: Context, entries: readonly WantedEntry[]): Promise<void> {
  if (!(await tenant.access.locksOut(ctx, entries))) return
  throw new AccessError('locked_out', 'nobody who can change the lists now could take this back again')
}

function answerOf(entry: ListEntry, now: number): z.output<typeof entryAnswer> {
  const { id, list, target, scope, reason, source, addedBy, addedAt, until } = entry
  return {
    id,
    list,
    target: targetText(target),
    ...scope,
    reason,
    source,
    addedBy,
    addedAt: new Date(addedAt).toISOString(),
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    ended: until !== undefined && until <= now,
  }
}

function changeOf({ entry, effect }: ListChange) {
  return { id: entry.id, target: targetText(entry.target), effect }
}

/** What stands in the record: of many entries the first, and what proves the rest. */
function noteOf(changes: readonly ListChange[]): { readonly [name: string]: Json } {
  const described = changes.map(({ entry, effect }) => ({ ...describe(entry), effect }))
  return {
    entries: changes.length,
    changes: described.slice(0, SHOWN),
    ...(described.length <= SHOWN ? {} : { digest: digestJson(described) }),
  }
}

const SHOWN = 100

function describe({ id, list, target, scope, reason, source, until }: ListEntry): { readonly [name: string]: Json } {
  return { id, list, target: targetText(target), scope: { ...scope }, reason, source, until: until ?? null }
}

function invalid(message: string): AccessError {
  return new AccessError('list_invalid', message)
}
