import type { Entities, EntityNode } from './entities.ts'
import type { Lineage } from './hierarchy.ts'
import type { EntityRef, RecordValue, Value } from './value.ts'

/** All that expressions are evaluated over: a request and the entities. */
export interface Frame {
  principal: EntityRef
  action: EntityRef
  resource: EntityRef
  context: RecordValue
  entities: Entities
  /** The actions that the schema declares; for entities that were read without it. */
  actions: Entities
}

export function findEntity(frame: Frame, ref: EntityRef): EntityNode | undefined {
  return frame.entities.find(ref) ?? frame.actions.find(ref)
}

export function lineageIn(frame: Frame, ref: EntityRef): Lineage | undefined {
  const node = frame.entities.find(ref)
  if (node !== undefined) return frame.entities.lineage(node)
  const action = frame.actions.find(ref)
  return action === undefined ? undefined : frame.actions.lineage(action)
}

/** An expression as a function. Throws `EvaluationError` where Cedar has an error. */
export type Evaluate = (frame: Frame) => Value
/** The same for what can only be a boolean. */
export type Test = (frame: Frame) => boolean
