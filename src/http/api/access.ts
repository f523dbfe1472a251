import { z } from 'zod'
import { HttpError } from '../errors.ts'
import { type Route, route } from '../route.ts'

const name = z.string().min(1).max(1024)

/** Asking the decision point, with the explanation: for administrators and auditors, not for enforcement. */
export const accessRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/api/explain',
    summary: 'Decide a question without acting on it, and explain the decision',
    action: 'decision:ask',
    body: z.strictObject({
      principal: name,
      action: name,
      resource: z.strictObject({ type: name, id: name }),
      arguments: z.record(z.string(), z.string()).optional(),
      origin: z
        .strictObject({
          user: z.array(z.string()).default([]),
          system: z.array(z.string()).default([]),
          trusted: z.array(z.string()).default([]),
          untrusted: z.array(z.string()).default([]),
          model: z.array(z.string()).default([]),
        })
        .optional(),
    }),
    answer: z.object({
      decision: z.enum(['allow', 'deny']),
      reasons: z.array(z.unknown()),
      errors: z.array(z.unknown()),
      revision: z.string(),
      remedy: z.string().optional(),
      advice: z.array(z.looseObject({ kind: z.string() })).optional(),
      explanation: z.array(z.string()),
    }),
    handle: async ({ tenant, ctx, body }) => {
      const principal = tenant.directory.principal(body.principal)
      if (principal === undefined) throw new HttpError('principal_unknown', `no principal \`${body.principal}\``)
      const asked = tenant.contextOf(ctx, principal)
      const origin = body.origin ?? {
        user: [],
        system: [],
        trusted: [],
        untrusted: [],
        model: Object.keys(body.arguments ?? {}),
      }
      const question = {
        action: body.action,
        resource: body.resource,
        ...(body.arguments === undefined && body.origin === undefined
          ? {}
          : { call: { arguments: body.arguments ?? {}, origin } }),
      }
      const { decision, text } = tenant.access.explain(ctx, asked, question)
      const { facts: _, ...answer } = decision
      return { ...answer, explanation: text }
    },
  }),
]
