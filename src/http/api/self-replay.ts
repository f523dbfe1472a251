import { z } from 'zod'
import { UNREPLAYABLE } from '../../access/index.ts'
import { type Route, route } from '../route.ts'

/** Records of one request: some seconds of work, in turns with others. */
const MOST = 20_000

const count = z.number().int().nonnegative()

/** Whether decisions on record come out the same when they are made again. */
export const selfReplayRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/api/replay/self',
    summary: 'Make the decisions of a part of the log again, under the policies and in the state of then',
    // It shows who did what, though not all that stands in the bodies.
    action: 'log:read_body',
    body: z.strictObject({
      first: count.default(0).describe('index of the first record'),
      limit: z.number().int().min(1).max(MOST).default(MOST).describe('how many records, of whatever kind'),
    }),
    answer: z.object({
      records: count.describe('of decisions'),
      decisions: count,
      agreed: count,
      disagreed: count,
      unreplayable: z.partialRecord(z.enum(UNREPLAYABLE), count).describe('how many cannot be made again, by why'),
      disagreements: z.array(
        z.object({
          index: count,
          place: count.describe('of the question in the record'),
          at: z.number(),
          chain: z.array(z.object({ kind: z.string(), id: z.string() })),
          action: z.string(),
          resource: z.object({ type: z.string(), id: z.string() }),
          revision: z.string(),
          state: z.number().optional(),
          differences: z.array(z.string()),
        }),
      ),
      next: count.optional().describe('index where the next part begins; missing where the log has no more'),
      size: count.describe('records of the log'),
    }),
    handle: async ({ tenant, body, note }) => {
      const { size } = tenant.log.status()
      const found = await tenant.history.replaySelf(body)
      note({ records: found.records, agreed: found.agreed, disagreed: found.disagreed })
      const { next, disagreements, ...counts } = found
      return {
        ...counts,
        disagreements: disagreements.map(({ state, ...one }) => (state === undefined ? one : { ...one, state })),
        ...(next === undefined ? {} : { next }),
        size,
      }
    },
  }),
]
