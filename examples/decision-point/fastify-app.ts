import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { DecisionPoint } from './decision-point.ts'
import { ORDER_COLUMNS, orderNamed, ordersWhere, resourceOf } from './orders.ts'

interface WithId {
  readonly Params: { readonly id: string }
}

/** `userOf` is your sign-in: who makes this request. */
export function fastifyApp(decisions: DecisionPoint, userOf: (request: FastifyRequest) => string): FastifyInstance {
  const may = (action: string) => async (request: FastifyRequest<WithId>, reply: FastifyReply) => {
    const allowed = await decisions.isAllowed(userOf(request as FastifyRequest), action, resourceOf(request.params.id))
    if (!allowed) return reply.code(403).send({ error: 'you may not do this' })
  }
  const app = Fastify()
  app.get('/orders', async (request) =>
    ordersWhere(await decisions.filter(userOf(request), 'view', 'order', ORDER_COLUMNS)),
  )
  app.get<WithId>('/orders/:id', { preHandler: may('view') }, async (request) => orderNamed(request.params.id))
  app.post<WithId>('/orders/:id/refund', { preHandler: may('refund') }, async (request) => ({
    refunded: request.params.id,
  }))
  return app
}
