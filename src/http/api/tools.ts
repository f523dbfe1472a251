import { z } from 'zod'
import { GatewayError, type ToolEntry } from '../../gateway/index.ts'
import { type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'
import { aTool, aToolServer } from './acted-on.ts'

const tool = z.object({
  server: z.string(),
  name: z.string(),
  status: z.enum(['accepted', 'quarantined']),
  digest: z.string(),
  reason: z.string().optional(),
})

/** Tool definitions, and the word of an operator about them. */
export const toolRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/tools',
    summary: 'List the tools that servers have offered',
    action: 'toolserver:read',
    answer: z.object({ tools: z.array(tool) }),
    handle: async ({ tenant }) => ({ tools: tenant.toolReview.listTools().map(summaryOf) }),
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/tools/:server/:name',
    summary: 'Read the definition of a tool: the one that waits, and the one that was accepted',
    action: 'toolserver:read',
    on: aTool,
    answer: tool.extend({ definition: z.unknown(), accepted: z.unknown().optional(), guarded: z.array(z.string()) }),
    handle: async ({ tenant, params }) => {
      const entry = known(tenant, params)
      return {
        ...summaryOf(entry),
        guarded: entry.guarded,
        definition: entry.definition,
        ...(entry.accepted === undefined ? {} : { accepted: entry.accepted }),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/tools/:server/refresh',
    summary: 'Ask a server what tools it has now; what is new or changed goes into quarantine',
    action: 'tool:review',
    on: aToolServer,
    answer: z.object({ server: z.string(), tools: z.number() }),
    handle: async ({ tenant, ctx, params }) => {
      const { server = '' } = params
      return { server, tools: await tenant.gateway.lookAtTools(ctx, server) }
    },
  }),
  ...(['accept', 'reject'] as const).map((verb) =>
    route({
      method: 'POST',
      path: `/t/:tenant/api/tools/:server/:name/${verb}`,
      summary:
        verb === 'accept'
          ? 'Let callers use the definition with this digest'
          : 'Keep what waits in quarantine for good',
      action: 'tool:review',
      on: aTool,
      body: z.strictObject({ digest: z.string().min(12).max(128) }),
      answer: tool,
      handle: async ({ tenant, ctx, params, body, note }) => {
        const entry = known(tenant, params)
        // Of two definitions, only the one that was read may be accepted.
        if (!entry.digest.startsWith(body.digest)) {
          throw new GatewayError(
            'tool_unknown',
            `no definition \`${body.digest}\` of \`${entry.server}/${entry.name}\` waits`,
          )
        }
        note({ digest: entry.digest })
        const review = verb === 'accept' ? tenant.toolReview.acceptTool : tenant.toolReview.rejectTool
        await review(ctx, entry.server, entry.name, entry.digest)
        return summaryOf(known(tenant, params))
      },
    }),
  ),
]

function known(tenant: TenantFace, params: Readonly<Record<string, string>>): ToolEntry {
  const { server = '', name = '' } = params
  const entry = tenant.toolReview
    .listTools()
    .find((candidate) => candidate.server === server && candidate.name === name)
  if (entry === undefined) throw new GatewayError('tool_unknown', `no tool \`${server}/${name}\``)
  return entry
}

function summaryOf(entry: ToolEntry) {
  const { server, name, status, digest, accepted, decidedAt } = entry
  const waits = accepted === undefined ? 'new' : 'changed since it was accepted'
  const reason =
    status === 'accepted' ? undefined : decidedAt === undefined || accepted !== undefined ? waits : 'rejected'
  return { server, name, status, digest, ...(reason === undefined ? {} : { reason }) }
}
