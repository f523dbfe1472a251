import { z } from 'zod'
import type { Principal } from '../../identity/index.ts'
import type { Context } from '../../kernel/index.ts'
import { HttpError } from '../errors.ts'
import { type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'
import { aPrincipal, aProject, holderOfKey } from './acted-on.ts'

const principalAnswer = z.object({
  id: z.string(),
  kind: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  sponsor: z.string().optional(),
  agentType: z.string().optional(),
  project: z.string().optional(),
  level: z.number().optional(),
  risk: z.object({ score: z.number(), source: z.string(), at: z.string(), until: z.string() }).optional(),
  groups: z.array(z.string()),
  roles: z.array(z.string()),
})

const DAY = 86_400

/** Principals and their gateway keys. */
export const principalRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/principals',
    summary: 'List the principals of the tenant',
    action: 'directory:read',
    on: aProject,
    query: z.strictObject({ project: z.string().min(1).max(256).optional() }),
    answer: z.object({ principals: z.array(principalAnswer) }),
    handle: async ({ tenant, query }) => ({
      principals: [...tenant.directory.principals()]
        .filter(({ project }) => query.project === undefined || project === query.project)
        .map(answerOf),
    }),
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/principals/:principal',
    summary: 'Read one principal',
    action: 'directory:read',
    on: aPrincipal,
    answer: principalAnswer,
    handle: async ({ tenant, params }) => answerOf(known(tenant, params.principal)),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/suspend',
    summary: 'Suspend a principal: its open streams end, its next request fails',
    action: 'principal:suspend',
    on: aPrincipal,
    answer: principalAnswer,
    handle: async ({ tenant, params }) => setStatus(tenant, params.principal, 'suspended'),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/resume',
    summary: 'Let a suspended principal act again',
    action: 'principal:resume',
    on: aPrincipal,
    answer: principalAnswer,
    handle: async ({ tenant, params }) => setStatus(tenant, params.principal, 'active'),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/level',
    summary: 'Say what level an agent has earned; it counts from the next decision on',
    action: 'principal:set-level',
    on: aPrincipal,
    body: z.strictObject({ level: z.int().min(0).max(1000).nullable() }),
    answer: principalAnswer,
    handle: async ({ tenant, params, body, note }) => {
      const { id, level } = known(tenant, params.principal)
      note({ level: body.level, before: level ?? null })
      await tenant.directory.setStanding(id, { level: body.level })
      return answerOf(known(tenant, id))
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/risk',
    summary:
      'Say how risky a principal is (0 to 100), and for how long that counts; it counts from the next decision on',
    action: 'principal:set-risk',
    on: aPrincipal,
    body: z.strictObject({
      score: z.int().min(0).max(100).nullable().meta({ description: 'null takes the score away' }),
      source: z.string().min(1).max(128).optional().meta({ description: 'who says so; the caller without it' }),
      ttl: z
        .int()
        .min(1)
        .max(30 * DAY)
        .default(3600)
        .meta({ description: 'seconds until it is stale' }),
    }),
    answer: principalAnswer,
    handle: async ({ tenant, ctx, params, body, note }) => {
      const { id, risk } = known(tenant, params.principal)
      const { score, ttl, source = callerOf(ctx) } = body
      note({ score, source, ttl, before: risk?.score ?? null })
      const at = ctx.clock.now()
      await tenant.directory.setStanding(id, {
        risk: score === null ? null : { score, source, at, until: at + ttl * 1000 },
      })
      return answerOf(known(tenant, id))
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/keys',
    summary: 'Issue a gateway key; its secret is in the answer and nowhere else',
    action: 'gatewaykey:issue',
    on: aPrincipal,
    body: z.strictObject({
      scope: z
        .array(z.enum(['models', 'tools']))
        .min(1)
        .default(['models']),
      ttl: z
        .number()
        .int()
        .min(60)
        .max(365 * DAY)
        .default(90 * DAY)
        .meta({ description: 'seconds until it expires' }),
    }),
    answer: z.object({ id: z.string(), secret: z.string() }),
    handle: async ({ tenant, params, body, note }) => {
      const principal = known(tenant, params.principal)
      const key = await tenant.directory.issueGatewayKey(principal.id, { scope: body.scope, ttl: body.ttl })
      note({ key: key.id, scope: body.scope })
      return { id: key.id, secret: key.secret }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/secret',
    summary: 'Give a client that has no key of its own a new secret; it is in the answer and nowhere else',
    action: 'gatewaykey:issue',
    on: aPrincipal,
    answer: z.object({ client_id: z.string(), client_secret: z.string() }),
    handle: async ({ tenant, params }) => {
      const principal = known(tenant, params.principal)
      return { client_id: principal.id, client_secret: await tenant.directory.issueClientSecret(principal.id) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/t/:tenant/api/keys/:key',
    summary: 'Revoke a gateway key',
    action: 'gatewaykey:revoke',
    on: holderOfKey,
    answer: z.object({ id: z.string(), revoked: z.literal(true) }),
    handle: async ({ tenant, params }) => {
      const id = params.key ?? ''
      await tenant.directory.revokeGatewayKey(id)
      return { id, revoked: true }
    },
  }),
]

async function setStatus(tenant: TenantFace, id: string | undefined, status: 'active' | 'suspended'): Promise<unknown> {
  const principal = known(tenant, id)
  await tenant.directory.setStatus(principal.id, status)
  return answerOf(known(tenant, id))
}

/** Who acts: the last link. */
function callerOf({ caller }: Context): string {
  return caller.chain.at(-1)?.id ?? caller.chain[0].id
}

function answerOf({ risk, ...principal }: Principal): z.output<typeof principalAnswer> {
  const text = (at: number): string => new Date(at).toISOString()
  return {
    ...principal,
    groups: [...principal.groups],
    roles: [...principal.roles],
    risk: risk === undefined ? undefined : { ...risk, at: text(risk.at), until: text(risk.until) },
  }
}

function known(tenant: TenantFace, id: string | undefined): Principal {
  const principal = tenant.directory.principal(id ?? '')
  if (principal === undefined) throw new HttpError('principal_unknown', `no principal \`${id ?? ''}\``)
  return principal
}
