import { z } from 'zod'
import { oneLine } from '../visible.ts'
import { count } from './count.ts'

const total = z.object({ name: z.string(), allowed: z.number(), denied: z.number() })

/** What the server says of differences. */
export const reportSchema = z.object({
  candidate: z.string(),
  active: z.string(),
  from: z.number().optional(),
  to: z.number().optional(),
  records: z.number(),
  decided: z.number(),
  untouched: z.number(),
  newlyAllowed: z.number(),
  newlyDenied: z.number(),
  limited: z.number(),
  unreplayable: z.record(z.string(), z.number()),
  groups: z.array(
    z.object({
      effect: z.enum(['allowed', 'denied']),
      principals: z.string(),
      action: z.string(),
      resourceType: z.string(),
      before: z.array(z.string()),
      after: z.array(z.string()),
      count: z.number(),
      actors: z.number(),
      resources: z.number(),
      firstAt: z.number(),
      lastAt: z.number(),
      examples: z.array(
        z.object({
          index: z.number(),
          place: z.number(),
          txn: z.string(),
          at: z.number(),
          chain: z.array(z.string()),
          resource: z.string(),
        }),
      ),
    }),
  ),
  ungrouped: z.number(),
  byPrincipal: z.array(total),
  byAction: z.array(total),
  byResource: z.array(total),
  byPolicy: z.array(total),
  titles: z.record(z.string(), z.string()),
  ms: z.number(),
})
export type Report = z.output<typeof reportSchema>

/** The differences, group by group, each with an example. */
export function differencesText({ groups, ungrouped }: Report): readonly string[] {
  const lines = groups.slice(0, SHOWN).flatMap((group) => {
    const { effect, principals, action, resourceType, before, after, examples } = group
    const [example] = examples
    const where =
      example === undefined ? '' : `, as record ${example.index}: ${example.chain.join(' → ')} on ${example.resource}`
    return [
      oneLine(
        `${effect === 'allowed' ? '+' : '-'} ${group.count} × ${action} on ${resourceType} by ${principals}: newly ${effect}${where}`,
      ),
      oneLine(`    then ${namesText(before)}; now ${namesText(after)}`),
    ]
  })
  const rest = groups.slice(SHOWN).reduce((sum, group) => sum + group.count, ungrouped)
  return rest === 0 ? lines : [...lines, `and ${count(rest, 'difference')} of other kinds (--json lists them)`]
}

const SHOWN = 30

function namesText(policies: readonly string[]): string {
  return policies.length === 0 ? 'no policy permits it' : policies.join(', ')
}
