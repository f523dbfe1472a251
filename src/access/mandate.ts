import { type Entities, type FilterCondition, resourceIn, type Uid } from '../cedar/index.ts'
import type { Context } from '../kernel/index.ts'

/** Why a mandate does not cover a request, or undefined where it does or there is none. */
export function outsideOfMandate(
  { caller, clock }: Context,
  action: Uid,
  resource: Uid,
  entities: Entities,
): string | undefined {
  for (let mandate = caller.mandate; mandate !== undefined; mandate = mandate.within) {
    if (clock.now() >= mandate.expiresAt) return 'the mandate has ended'
    if (!isIn(action, mandate.actions.map(actionNamed), entities)) return 'the mandate does not name this action'
    if (!isIn(resource, mandate.resources, entities)) return 'the mandate does not name this resource'
  }
  return undefined
}

/** What a resource has to be like for the mandate to cover it. */
export function mandateCondition({ caller, clock }: Context, action: Uid, entities: Entities): FilterCondition {
  const conditions: FilterCondition[] = []
  for (let mandate = caller.mandate; mandate !== undefined; mandate = mandate.within) {
    if (clock.now() >= mandate.expiresAt || !isIn(action, mandate.actions.map(actionNamed), entities)) {
      return { kind: 'never' }
    }
    conditions.push(resourceIn(mandate.resources))
  }
  const [only = { kind: 'always' }, ...more] = conditions
  return more.length === 0 ? only : { kind: 'and', conditions }
}

/** Whether an entity is one of these, or in one of them. */
function isIn(uid: Uid, targets: readonly Uid[], entities: Entities): boolean {
  if (targets.some(({ type, id }) => type === uid.type && id === uid.id)) return true
  const node = entities.find(uid)
  if (node === undefined) return false
  const lineage = entities.lineage(node)
  return targets.some((target) => lineage.has(target))
}

/** `Shop::refund` is the tenant's own `Shop::Action::"refund"`. */
function actionNamed(name: string): Uid {
  const at = name.lastIndexOf('::')
  return at < 0 ? { type: 'Action', id: name } : { type: `${name.slice(0, at)}::Action`, id: name.slice(at + 2) }
}
