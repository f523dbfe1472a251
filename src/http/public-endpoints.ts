import type { FastifyInstance } from 'fastify'
import { authzenMetadata } from './api/authzen-metadata.ts'
import { apiRoutes } from './api/index.ts'
import { HttpError } from './errors.ts'
import { openApiOf } from './openapi.ts'
import type { HttpServerOptions } from './server.ts'

/**
 * Endpoints that ask nobody who they are: each only says what is the same for everyone. A test compares this list with
 * what the server really mounts, so that it cannot grow by accident.
 */
export const PUBLIC_ENDPOINTS = [
  '/healthz',
  '/openapi.json',
  '/.well-known/authzen-configuration/t/:tenant',
  '/.well-known/oauth-protected-resource/t/:tenant/*',
] as const

/**
 * Endpoints that ask nobody who they are where the tenant chose so: the log as a verifier reads it, which says nothing of
 * what stands in records. Held to by the same test.
 */
export const ENDPOINTS_A_TENANT_MAY_OPEN = [
  '/t/:tenant/log/checkpoint',
  '/t/:tenant/log/witnessed',
  '/t/:tenant/log/origins',
  '/t/:tenant/log/keys',
  '/t/:tenant/log/tile/*',
] as const

export function mountPublicEndpoints(app: FastifyInstance, options: HttpServerOptions): void {
  const tenantOf = (params: unknown) => {
    const { tenant = '' } = params as { tenant?: string } // Fastify's params of these paths
    const found = options.tenant(tenant)
    if (found === undefined) throw new HttpError('tenant_unknown', 'no such tenant')
    return found
  }
  app.get('/healthz', async (_request, reply) => {
    const writable = options.writable()
    return reply.code(writable ? 200 : 503).send({ status: writable ? 'ok' : 'log not writable' })
  })
  app.get('/openapi.json', async () => openApiOf(apiRoutes, { version: options.version, url: options.publicUrl() }))
  // AuthZEN 1.0, "Obtaining Policy Decision Point Metadata": the well-known part stands before the path of the decision point's identifier.
  app.get('/.well-known/authzen-configuration/t/:tenant', async (request, reply) => {
    const { issuer } = tenantOf(request.params)
    reply.header('cache-control', 'public, max-age=300')
    return authzenMetadata(issuer)
  })
  // RFC 9728 §3.1: likewise for a protected resource.
  app.get('/.well-known/oauth-protected-resource/t/:tenant/*', async (request) => {
    const { authorization, issuer } = tenantOf(request.params)
    const { '*': rest = '' } = request.params as { '*'?: string } // as above
    if (!rest.startsWith('gw/')) throw new HttpError('route_unknown', 'no such endpoint')
    return authorization.resourceMetadata(`${issuer}/${rest}`, [rest.startsWith('gw/mcp/') ? 'tools' : 'models'])
  })
}
