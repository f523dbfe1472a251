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
  error: z.string().optional(),
  deliveredAt: z.number().optional().describe('milliseconds since the epoch'),
})

/** How far the copies of the log are that go elsewhere. */
export const exportRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/exports',
    summary: 'List the targets that records are exported to, and how far each of them is',
    action: 'log:read',
    answer: z.object({ exports: z.array(target) }),
    handle: async ({ tenant }) => ({ exports: await tenant.exports.list() }),
  }),
]
