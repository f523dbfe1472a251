import type { FastifyInstance } from 'fastify'
import { traceOf } from './edge.ts'
import { HttpError } from './errors.ts'
import { reasoningOf } from './reasoning.ts'
import type { HttpServerOptions } from './server.ts'

export const GATEWAY_PATHS = ['/t/:tenant/gw/:protocol', '/t/:tenant/gw/:protocol/*'] as const

/**
 * Mounts the gateways. They read the body themselves, because what is too large or broken has to be answered in the
 * client's own protocol; so it stays on the stream.
 */
export function mountGateway(scope: FastifyInstance, options: HttpServerOptions): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  for (const url of GATEWAY_PATHS) {
    scope.all(url, async (request, reply) => {
      const { tenant: id = '', protocol = '' } = request.params as { tenant?: string; protocol?: string } // as above
      const tenant = options.tenant(id)
      if (tenant === undefined) throw new HttpError('tenant_unknown', 'no such tenant')
      const mount = `/t/${id}/gw/${protocol}`
      reply.hijack()
      const rest = request.raw.url?.slice(mount.length) ?? ''
      await tenant.gateway.handle(protocol, rest, request.raw, reply.raw, {
        trace: traceOf(request.headers),
        reasoning: reasoningOf(request.headers),
        maxBody: options.maxBody,
      })
    })
  }
}
