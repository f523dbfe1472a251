import { Bytes, type Route, route } from '../route.ts'

/** What is measured of a tenant. */
export const metricRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/metrics',
    summary: 'What is measured of the tenant, in the text format of Prometheus',
    action: 'metrics:read',
    produces: 'text/plain',
    handle: async ({ tenant }) =>
      new Bytes(await tenant.metrics.text(), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  }),
]
