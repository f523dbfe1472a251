import { z } from 'zod'

const count = z.int()
const total = z.object({ name: z.string(), allowed: count, denied: count })

/** What differs between what was decided and what a candidate decides. Times in milliseconds since the epoch. */
export const replayReport = z.object({
  candidate: z.string(),
  active: z.string(),
  from: z.number().optional(),
  to: z.number().optional(),
  records: count,
  decided: count,
  untouched: count,
  newlyAllowed: count,
  newlyDenied: count,
  limited: count,
  unreplayable: z.record(z.string(), count),
  groups: z.array(
    z.object({
      effect: z.enum(['allowed', 'denied']),
      principals: z.string(),
      action: z.string(),
      resourceType: z.string(),
      before: z.array(z.string()),
      after: z.array(z.string()),
      count,
      actors: count,
      resources: count,
      firstAt: z.number(),
      lastAt: z.number(),
      examples: z.array(
        z.object({
          index: count,
          place: count,
          txn: z.string(),
          at: z.number(),
          chain: z.array(z.string()),
          resource: z.string(),
        }),
      ),
    }),
  ),
  ungrouped: count,
  byPrincipal: z.array(total),
  byAction: z.array(total),
  byResource: z.array(total),
  byPolicy: z.array(total),
  titles: z.record(z.string(), z.string()),
  ms: z.number(),
})
