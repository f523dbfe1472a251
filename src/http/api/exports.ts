import { z } from 'zod'
import { type Route, route } from '../route.ts'

const target = z.object({
  id: z.string(),
  kind: z.enum(['ocsf-file', 'otlp', 'webhook']),
  to: z.string().describe('the file, or the server'),
  state: z.enum(['off', 'idle', 'sending', 'failing']),
  next: z.number().describe('index of the first record that was not delivered yet'),
  lag: z.number().describe('records behind the log'),
  lagSeconds: z.number().describe('age of the oldest of them'),
  failed: z.number().describe('failures since the process started'),
  refused: z.number().describe('records that it refused, set aside until they are sent again or skipped'),
  error: z.string().optional(),
  deliveredAt: z.number().optional().describe('milliseconds since the epoch'),
})

const refused = z.object({
  first: z.number(),
  last: z.number(),
  count: z.number(),
  reason: z.string(),
  at: z.number().describe('milliseconds since the epoch'),
})

const counted = z.object({ id: z.string(), records: z.number() })

/** The copies of the log that go elsewhere: how far they are, and what their receivers would not take. */
export const exportRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/exports',
    summary: 'List the targets that records are exported to, and how far each of them is',
    action: 'log:read',
    answer: z.object({ exports: z.array(target) }),
    handle: async ({ tenant }) => ({ exports: await tenant.exports.list() }),
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/exports/:export/refused',
    summary: 'List the records that a target refused, and why',
    action: 'log:read',
    answer: z.object({ refused: z.array(refused) }),
    handle: async ({ tenant, params }) => ({ refused: await tenant.exports.refused(params.export ?? '') }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/exports/:export/retry',
    summary: 'Send the records that a target refused once more',
    action: 'log:export',
    answer: counted,
    handle: async ({ tenant, params: { export: id = '' }, note }) => {
      const records = await tenant.exports.retry(id)
      note({ records })
      return { id, records }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/exports/:export/skip',
    summary: 'Give up the records that a target refused',
    action: 'log:export',
    answer: counted,
    handle: async ({ tenant, params: { export: id = '' }, note }) => {
      const records = await tenant.exports.skip(id)
      note({ records })
      return { id, records }
    },
  }),
  route({
    method: 'DELETE',
    path: '/t/:tenant/api/exports/:export',
    summary: 'Remove a target, with its place in the log',
    action: 'log:export',
    answer: z.object({ id: z.string() }),
    handle: async ({ tenant, params: { export: id = '' } }) => {
      await tenant.exports.remove(id)
      return { id }
    },
  }),
]
