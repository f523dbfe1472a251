import { z } from 'zod'
import type { Principal } from '../../identity/index.ts'
import { HttpError } from '../errors.ts'
import { type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'

const principalAnswer = z.object({
  id: z.string(),
  kind: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  sponsor: z.string().optional(),
  agentType: z.string().optional(),
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
    answer: z.object({ principals: z.array(principalAnswer) }),
    handle: async ({ tenant }) => ({ principals: [...tenant.directory.principals()] }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/suspend',
    summary: 'Suspend a principal: its open streams end, its next request fails',
    action: 'principal:suspend',
    answer: principalAnswer,
    handle: async ({ tenant, params }) => setStatus(tenant, params.principal, 'suspended'),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/resume',
    summary: 'Let a suspended principal act again',
    action: 'principal:resume',
    answer: principalAnswer,
    handle: async ({ tenant, params }) => setStatus(tenant, params.principal, 'active'),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/principals/:principal/keys',
    summary: 'Issue a gateway key; its secret is in the answer and nowhere else',
    action: 'gatewaykey:issue',
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
  return known(tenant, id)
}

function known(tenant: TenantFace, id: string | undefined): Principal {
  const principal = tenant.directory.principal(id ?? '')
  if (principal === undefined) throw new HttpError('principal_unknown', `no principal \`${id ?? ''}\``)
  return principal
}
