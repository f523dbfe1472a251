import { z } from 'zod'
import type { Sallyport } from './sallyport.ts'

const Entity = z.looseObject({ type: z.string(), id: z.string() })
const DecisionBody = z.looseObject({
  chain: z.array(z.looseObject({ kind: z.string(), id: z.string() })),
  action: z.string(),
  resource: Entity,
  decision: z.enum(['allow', 'deny']),
  reasons: z.array(z.looseObject({ policy: z.string() })),
  // by argument, where its value was first seen
  origin: z.record(z.string(), z.object({ source: z.string(), trusted: z.boolean() })).default({}),
})
const Row = z.looseObject({ index: z.number(), kind: z.string(), body: z.unknown() })

export interface DecisionRecord extends z.infer<typeof DecisionBody> {
  readonly index: number
}

/** The decisions that the log holds for one request id, oldest first, read as anybody would read them. */
export async function decisionsOf(sallyport: Sallyport, txn: string): Promise<readonly DecisionRecord[]> {
  const { ok, stdout, stderr } = await sallyport.cli('log', 'show', '--request', txn, '--json')
  if (!ok) throw new Error(`sallyport log show: ${stderr.trim()}`)
  return z
    .array(Row)
    .parse(JSON.parse(stdout))
    .filter((row) => row.kind === 'decision')
    .map((row) => ({ index: row.index, ...DecisionBody.parse(row.body) }))
}
