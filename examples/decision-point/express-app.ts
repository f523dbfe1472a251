import express, { type Express, type RequestHandler } from 'express'
import type { DecisionPoint } from './decision-point.ts'
import { ORDER_COLUMNS, orderNamed, ordersWhere, resourceOf } from './orders.ts'

/** `userOf` is your sign-in: who makes this request. */
export function expressApp(decisions: DecisionPoint, userOf: (request: express.Request) => string): Express {
  const may = (action: string): RequestHandler<{ id: string }> => {
    return async (request, response, next) => {
      const allowed = await decisions.isAllowed(
        userOf(request as express.Request),
        action,
        resourceOf(request.params.id),
      )
      if (allowed) next()
      else response.status(403).json({ error: 'you may not do this' })
    }
  }
  const app = express()
  app.get('/orders', async (request, response) => {
    response.json(ordersWhere(await decisions.filter(userOf(request), 'view', 'order', ORDER_COLUMNS)))
  })
  app.get('/orders/:id', may('view'), (request, response) => {
    response.json(orderNamed(request.params.id))
  })
  app.post('/orders/:id/refund', may('refund'), (request, response) => {
    response.json({ refunded: request.params.id })
  })
  return app
}
