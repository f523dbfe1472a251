import type { Command } from 'commander'
import { z } from 'zod'
import { count } from '../policy/count.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { oneLine } from '../visible.ts'

const answer = z.object({
  records: z.number(),
  decisions: z.number(),
  agreed: z.number(),
  disagreed: z.number(),
  unreplayable: z.record(z.string(), z.number()),
  disagreements: z.array(
    z.object({
      index: z.number(),
      place: z.number(),
      at: z.number(),
      chain: z.array(z.object({ kind: z.string(), id: z.string() })),
      action: z.string(),
      resource: z.object({ type: z.string(), id: z.string() }),
      revision: z.string(),
      state: z.number().optional(),
      differences: z.array(z.string()),
    }),
  ),
  next: z.number().optional(),
  size: z.number(),
})

type Part = z.output<typeof answer>
type Whole = Omit<Part, 'next' | 'size'>

/** Makes decisions on record again, each as it was made; exit code 1 where one comes out otherwise. */
export async function replaySelf(command: Command): Promise<void> {
  const { client, output } = sessionOf(command)
  const progress = progressOn(output)
  let whole: Whole = { records: 0, decisions: 0, agreed: 0, disagreed: 0, unreplayable: {}, disagreements: [] }
  // What is recorded from here on, this itself among it, is for the next time.
  let size: number | undefined
  for (let first: number | undefined = 0; first !== undefined; ) {
    const limit: number = size === undefined ? PART : Math.min(PART, size - first)
    if (limit < 1) break
    const part: Part = answer.parse(await client().call('POST', '/api/replay/self', { first, limit }))
    whole = together(whole, part)
    size ??= part.size
    progress(Math.min(part.next ?? size, size), size)
    first = part.next
  }
  const { WHY_UNREPLAYABLE } = await import('../../access/index.ts')
  output.data(whole, () => describe(whole, WHY_UNREPLAYABLE))
  if (whole.disagreed > 0) process.exitCode = 1
}

/** Records of one request. */
const PART = 5_000
/** Disagreements that are listed; all of them are counted. */
const MOST_LISTED = 100

function together(a: Whole, b: Part): Whole {
  const unreplayable = { ...a.unreplayable }
  for (const [why, how] of Object.entries(b.unreplayable)) unreplayable[why] = (unreplayable[why] ?? 0) + how
  return {
    records: a.records + b.records,
    decisions: a.decisions + b.decisions,
    agreed: a.agreed + b.agreed,
    disagreed: a.disagreed + b.disagreed,
    unreplayable,
    disagreements: [...a.disagreements, ...b.disagreements].slice(0, MOST_LISTED),
  }
}

function describe(whole: Whole, why: Readonly<Record<string, string>>): string {
  const { records, decisions, agreed, disagreed, unreplayable, disagreements } = whole
  const lines = [
    `${count(decisions, 'decision')} in ${count(records, 'record')} made again`,
    `  ${agreed} come out the same`,
    `  ${disagreed} come out otherwise`,
    ...Object.entries(unreplayable).map(([kind, how]) => `  ${how} cannot be made again: ${why[kind] ?? kind}`),
  ]
  for (const one of disagreements) {
    const chain = one.chain.map(({ kind, id }) => `${kind}::${id}`).join(' → ')
    lines.push(
      '',
      oneLine(
        `record ${one.index}, question ${one.place}: ${chain}  ${one.action}  ${one.resource.type}::${one.resource.id}`,
      ),
    )
    for (const difference of one.differences) lines.push(oneLine(`  ${difference}`))
  }
  if (disagreed > disagreements.length) lines.push('', `and ${disagreed - disagreements.length} more`)
  return lines.join('\n')
}
