import { z } from 'zod'
import { HttpError } from '../errors.ts'
import { type Route, route } from '../route.ts'
import { callArguments, originShape } from './call-facts.ts'

const name = z.string().min(1).max(1024)

const limit = z.coerce.number().int().min(1).max(10_000).default(1000)
const reference = z.object({ type: z.string(), id: z.string() })
const possibilities = z.object({
  found: z.array(
    z.object({
      principal: reference,
      action: z.string(),
      resource: reference,
      reasons: z.array(z.looseObject({ policy: z.string() })),
      when: z.enum(['now', 'after', 'perhaps']),
      advice: z.array(z.looseObject({ kind: z.string() })).optional(),
    }),
  ),
  hasMore: z.boolean(),
})

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
      arguments: callArguments.optional(),
      origin: z.strictObject(originShape).optional(),
    }),
    answer: z.object({
      decision: z.enum(['allow', 'deny']),
      observed: z
        .object({ by: z.array(z.string()), at: z.array(z.string()) })
        .optional()
        .describe('on a denial that refuses nothing: by which modes'),
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
  route({
    method: 'GET',
    path: '/t/:tenant/api/who-can',
    summary: 'List who may do an action on a resource, and by which grants',
    action: 'decision:ask',
    query: z.strictObject({ action: name, type: name, id: name, limit }),
    answer: possibilities,
    handle: async ({ tenant, ctx, query }) => {
      const resource = { type: query.type, id: query.id }
      return tenant.access.whoCan(ctx, { action: query.action, resource, limit: query.limit })
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/what-can',
    summary: 'List what a principal may do, on every resource that there is, and by which grants',
    action: 'decision:ask',
    query: z.strictObject({ principal: name, limit }),
    answer: possibilities,
    handle: async ({ tenant, ctx, query }) => {
      const principal = tenant.directory.principal(query.principal)
      if (principal === undefined) throw new HttpError('principal_unknown', `no principal \`${query.principal}\``)
      return tenant.access.whatCan(ctx, { principal, limit: query.limit })
    },
  }),
]
