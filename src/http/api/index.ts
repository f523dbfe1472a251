import type { Route } from '../route.ts'
import { accessRoutes } from './access.ts'
import { accessRequestRoutes } from './access-requests.ts'
import { applyRoutes } from './apply.ts'
import { approvalRoutes } from './approvals.ts'
import { authzenRoutes } from './authzen.ts'
import { authzenAccessRequestRoutes } from './authzen-access-requests.ts'
import { authzenFilterRoutes } from './authzen-filter.ts'
import { authzenSearchRoutes } from './authzen-search.ts'
import { exportRoutes } from './exports.ts'
import { limitRoutes } from './limits.ts'
import { listRoutes } from './lists.ts'
import { logPublicationRoutes } from './log-publication.ts'
import { metricRoutes } from './metrics.ts'
import { modeRoutes } from './modes.ts'
import { packRoutes } from './packs.ts'
import { policyRoutes } from './policy.ts'
import { policyReplayRoutes } from './policy-replay.ts'
import { policyShadowRoutes } from './policy-shadow.ts'
import { principalRoutes } from './principals.ts'
import { recordRoutes } from './records.ts'
import { selfReplayRoutes } from './self-replay.ts'
import { suggestionRoutes } from './suggestion.ts'
import { toolRoutes } from './tools.ts'
import { verifiableLogRoutes } from './verifiable-log.ts'

/** Every endpoint of Sallyport's own API. */
export const apiRoutes: readonly Route[] = [
  ...principalRoutes,
  ...applyRoutes,
  ...policyRoutes,
  ...approvalRoutes,
  ...toolRoutes,
  ...listRoutes,
  ...modeRoutes,
  ...policyReplayRoutes,
  ...policyShadowRoutes,
  ...packRoutes,
  ...accessRequestRoutes,
  ...limitRoutes,
  ...accessRoutes,
  ...authzenRoutes,
  ...authzenAccessRequestRoutes,
  ...authzenSearchRoutes,
  ...authzenFilterRoutes,
  ...recordRoutes,
  ...suggestionRoutes,
  ...selfReplayRoutes,
  ...verifiableLogRoutes,
  ...logPublicationRoutes,
  ...exportRoutes,
  ...metricRoutes,
]
