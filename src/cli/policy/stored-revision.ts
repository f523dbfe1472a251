import { z } from 'zod'
import type { ApiClient } from '../client.ts'

const chain = z.array(z.object({ kind: z.string(), id: z.string() }))
export const revisionSchema = z.object({
  revision: z.string(),
  layer: z.string(),
  state: z.string(),
  message: z.string(),
  author: chain,
  parent: z.string().optional(),
  bytes: z.number(),
  pushedAt: z.string(),
  activatedAt: z.string().optional(),
  evidence: z.array(
    z.object({
      kind: z.string(),
      result: z.enum(['passed', 'failed']),
      at: z.string(),
      by: z.string(),
      whole: z.string(),
      counts: z.record(z.string(), z.number()),
      digest: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
})
const storedSchema = revisionSchema.extend({
  files: z.array(z.object({ name: z.string(), as: z.string(), text: z.string() })),
})
export const activationSchema = z.object({
  id: z.number(),
  kind: z.string(),
  layer: z.string(),
  revision: z.string(),
  before: z.string().optional(),
  whole: z.string(),
  by: chain,
  message: z.string(),
  at: z.string(),
})

export type ShownRevision = z.output<typeof revisionSchema>
export type StoredRevision = z.output<typeof storedSchema>
export type ShownActivation = z.output<typeof activationSchema>

/** What people are shown of an address, and may give back. */
export function short(address: string): string {
  return address.slice(0, 12)
}

/** Whether this can be the beginning of an address. */
export function isAddress(text: string): boolean {
  return /^[0-9a-f]{4,64}$/.test(text)
}

export async function readRevision(client: ApiClient, prefix: string): Promise<StoredRevision> {
  return storedSchema.parse(await client.call('GET', `/api/policy/revisions/${encodeURIComponent(prefix)}`))
}

/** Who did something, in a chain: `alice → scout`. */
export function chainText(links: z.output<typeof chain>): string {
  return links.map(({ id }) => id).join(' → ')
}
