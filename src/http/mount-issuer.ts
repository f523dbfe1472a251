import type { FastifyInstance } from 'fastify'
import { HttpError } from './errors.ts'
import type { HttpServerOptions } from './server.ts'

/**
 * Mounts the authorization servers. Which paths they answer is theirs to say; they read the body themselves, so it
 * stays on the stream.
 */
export function mountIssuer(scope: FastifyInstance, options: HttpServerOptions): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  for (const url of ISSUER_PATHS) {
    scope.all(url, async (request, reply) => {
      const { tenant: id = '' } = request.params as { tenant?: string } // Fastify's params of these paths
      const tenant = options.tenant(id)
      const [path = ''] = request.url.split('?', 1)
      if (tenant === undefined || !tenant.authorization.paths.includes(path)) {
        throw new HttpError('route_unknown', 'no such endpoint')
      }
      reply.hijack()
      await tenant.authorization.callback(request.raw, reply.raw)
    })
  }
}

export const ISSUER_PATHS = [
  '/t/:tenant/*',
  // RFC 8414 §3.1: the well-known part before the path of the issuer
  '/.well-known/oauth-authorization-server/t/:tenant',
  '/.well-known/openid-configuration/t/:tenant',
] as const
