import { z } from 'zod'
import { administer } from '../administration.ts'
import { type Route, route } from '../route.ts'
import { policyLockOut } from './policy-lock-out.ts'

const file = z.strictObject({ name: z.string().min(1).max(1024), text: z.string().max(8_388_608) })

/** Bringing the tenant to what manifests declare. */
export const applyRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/api/apply',
    summary: 'Bring the tenant to what manifests declare; applying again changes nothing',
    action: 'tenant:apply',
    body: z.strictObject({
      manifests: z.array(file).min(1).max(100),
      policies: z
        .array(file)
        .max(1000)
        .default([])
        .meta({ description: 'the text of each policy file that a manifest names' }),
      lockOut: z
        .boolean()
        .default(false)
        .meta({ description: 'even where nobody could change the policies afterwards' }),
    }),
    answer: z.object({
      changes: z.array(z.object({ kind: z.string(), id: z.string(), effect: z.string(), fields: z.array(z.string()) })),
    }),
    handle: async ({ tenant, ctx, body, note }) => {
      const changes = await tenant.apply(body.manifests, body.policies, {
        by: ctx.caller.chain,
        // Whoever can apply manifests can apply the ones from before.
        check: policyLockOut({ tenant, ctx }, body.lockOut, {
          action: 'tenant:apply',
          resource: { type: 'Tenant', id: tenant.id },
        }),
        permit: async (action, target) => {
          const operation = { action, summary: SUMMARIES[action] ?? action, target }
          await administer(tenant, ctx, operation, async () => undefined)
        },
      })
      const effective = changes.filter(({ effect }) => effect !== 'unchanged')
      note({ changes: effective.map(({ kind, id, effect, fields }) => ({ kind, id, effect, fields: [...fields] })) })
      return { changes }
    },
  }),
]

/** What an application does besides, by the action that it takes. */
const SUMMARIES: Readonly<Record<string, string>> = {
  'log:export': 'records leave by an export',
  'policy:activate': 'policies come in force with less, or more, found out about them before',
}
