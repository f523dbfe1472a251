import type { Entities, Uid } from '../cedar/index.ts'
import type { Context } from '../kernel/index.ts'

/** Why a mandate does not cover a request, or undefined where it does or there is none. */
export function outsideOfMandate(
  { caller, clock }: Context,
  action: Uid,
  resource: Uid,
  entities: Entities,
): string | undefined {
  const { mandate } = caller
  if (mandate === undefined) return undefined
  if (clock.now() >= mandate.expiresAt) return 'the mandate has ended'
  const actions = mandate.actions.map((id) => ({ type: 'Action', id }))
  if (!isIn(action, actions, entities)) return 'the mandate does not name this action'
  if (!isIn(resource, mandate.resources, entities)) return 'the mandate does not name this resource'
  return undefined
}

/** Whether an entity is one of these, or in one of them. */
function isIn(uid: Uid, targets: readonly Uid[], entities: Entities): boolean {
  if (targets.some(({ type, id }) => type === uid.type && id === uid.id)) return true
  const node = entities.find(uid)
  if (node === undefined) return false
  const lineage = entities.lineage(node)
  return targets.some((target) => lineage.has(target))
}
