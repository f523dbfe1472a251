import type { Route } from '../route.ts'
import { accessRoutes } from './access.ts'
import { applyRoutes } from './apply.ts'
import { authzenRoutes } from './authzen.ts'
import { exportRoutes } from './exports.ts'
import { limitRoutes } from './limits.ts'
import { listRoutes } from './lists.ts'
import { metricRoutes } from './metrics.ts'
import { principalRoutes } from './principals.ts'
import { recordRoutes } from './records.ts'
import { toolRoutes } from './tools.ts'

/** Every endpoint of Sallyport's own API. */
export const apiRoutes: readonly Route[] = [
  ...principalRoutes,
  ...applyRoutes,
  ...toolRoutes,
  ...listRoutes,
  ...limitRoutes,
  ...accessRoutes,
  ...authzenRoutes,
  ...recordRoutes,
  ...exportRoutes,
  ...metricRoutes,
]
