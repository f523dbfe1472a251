import { z } from 'zod'
import { verdictOf } from '../../access/index.ts'
import { HttpError } from '../errors.ts'
import { type Route, route } from '../route.ts'

const name = z.string().min(1).max(1024)
const amounts = z.record(z.string().regex(/^(?:[a-z_]{1,32}|[A-Z]{3})$/), z.number().min(0).max(1_000_000_000))

const limit = z.object({
  id: z.string(),
  title: z.string().optional(),
  source: z.string().describe('the file that it stands in'),
  line: z.number(),
  per: z.array(z.string()).describe('who shares a count'),
  allowances: z.array(
    z.object({
      allowance: z.string().describe('as in `50000 tokens/day`'),
      unit: z.string(),
      amount: z.number(),
      used: z.array(
        z.object({
          key: z.string(),
          used: z.number().describe('what is reserved and not settled yet counts as used'),
          resets: z.number().describe('seconds until the window ends'),
        }),
      ),
    }),
  ),
})

/** Limits as administrators see them, and reservations for enforcement points other than our gateway. */
export const limitRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/limits',
    summary: 'List the limits in force, and what is used of each',
    action: 'limit:read',
    answer: z.object({ limits: z.array(limit) }),
    handle: async ({ tenant, ctx }) => ({ limits: tenant.access.limits.list(ctx.clock.now()) }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/limits/:limit/reset',
    summary: 'Forget what was used of a limit, by everybody or by one key',
    action: 'limit:reset',
    body: z.strictObject({ key: z.string().max(4096).optional() }),
    answer: z.object({ limit: z.string(), reset: z.number() }),
    handle: async ({ tenant, params, body, note }) => {
      const id = params.limit ?? ''
      const reset = await tenant.access.limits.reset(id, body.key)
      note({ limit: id, reset, ...(body.key === undefined ? {} : { key: body.key }) })
      return { limit: id, reset }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/reservations',
    summary: 'Decide a question and reserve what the action needs of limits; settle it afterwards',
    action: 'limit:reserve',
    body: z.strictObject({
      principal: name,
      action: name,
      resource: z.strictObject({ type: name, id: name }),
      amounts: amounts.optional(),
      ttl: z.number().int().min(1).max(3_600).default(300),
    }),
    answer: z.object({
      decision: z.boolean(),
      observed: z.boolean().optional().describe('true where it would have been refused'),
      id: z.string().optional(),
      expiresAt: z.number().optional().describe('milliseconds since the epoch; from then on it is settled at full'),
      reasons: z.array(z.unknown()).optional(),
      remedy: z.string().optional(),
      advice: z.array(z.looseObject({ kind: z.string() })).optional(),
    }),
    handle: async ({ tenant, ctx, body, note }) => {
      const principal = tenant.directory.principal(body.principal)
      if (principal === undefined) throw new HttpError('principal_unknown', `no principal \`${body.principal}\``)
      const about = { ...tenant.contextOf(ctx, principal), gate: 'decision-point' } as const
      const { action, resource } = body
      const question = { action, resource, ...(body.amounts === undefined ? {} : { amounts: body.amounts }) }
      const decided = tenant.access.decide(about, question)
      const reserved = await tenant.access.reserve(about, [question], [decided])
      const final = reserved.refused?.[0] ?? reserved.decisions?.[0] ?? decided
      const { reasons, remedy, advice } = final
      const decision = verdictOf(final)
      note({ asked: { subject: principal.id, action, resource }, decision, reasons: reasons.map((one) => one.policy) })
      if (decision === 'deny') {
        return {
          decision: false,
          reasons: reasons.map(({ policy, title }) => ({ policy, ...(title === undefined ? {} : { title }) })),
          ...(remedy === undefined ? {} : { remedy }),
          ...(advice === undefined ? {} : { advice }),
        }
      }
      return {
        decision: true,
        ...(decision === 'allow' ? {} : { observed: true }),
        ...tenant.holds.hold(ownerOf(ctx), reserved, body.ttl),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/reservations/:reservation/settle',
    summary: 'Say what an action used; without amounts all that was reserved',
    action: 'limit:reserve',
    body: z.strictObject({ used: amounts.optional() }),
    answer: z.object({ settled: z.boolean() }),
    handle: async ({ tenant, ctx, params, body }) => {
      tenant.holds.settle(ownerOf(ctx), params.reservation ?? '', body.used)
      return { settled: true }
    },
  }),
  route({
    method: 'DELETE',
    path: '/t/:tenant/api/reservations/:reservation',
    summary: 'Give back what was reserved for an action that never began',
    action: 'limit:reserve',
    answer: z.object({ released: z.boolean() }),
    handle: async ({ tenant, ctx, params }) => {
      tenant.holds.release(ownerOf(ctx), params.reservation ?? '')
      return { released: true }
    },
  }),
]

/** Nobody settles what somebody else has reserved. */
function ownerOf({ caller }: { readonly caller: { readonly chain: readonly { readonly id: string }[] } }): string {
  return caller.chain.map(({ id }) => id).join(' ')
}
