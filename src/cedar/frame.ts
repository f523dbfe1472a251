import type { Entities, EntityNode } from './entities.ts'
import { Lineage } from './hierarchy.ts'
import type { EntityRef, RecordValue, Value } from './value.ts'

/** One of the three entities of a request, looked up once. */
export interface Party {
  readonly ref: EntityRef
  readonly node: EntityNode | undefined
  readonly lineage: Lineage
}

/** All that expressions are evaluated over: a request and the entities. */
export interface Frame {
  readonly principal: Party
  readonly action: Party
  readonly resource: Party
  readonly context: RecordValue
  readonly entities: Entities
  /** The actions that the schema declares; for entities that were read without it. */
  readonly actions: Entities
}

/** An expression as a function. Throws `EvaluationError` where Cedar has an error. */
export type Evaluate = (frame: Frame) => Value
/** The same for what can only be a boolean. */
export type Test = (frame: Frame) => boolean

export function findEntity(frame: Frame, ref: EntityRef): EntityNode | undefined {
  if (ref === frame.resource.ref) return frame.resource.node
  if (ref === frame.principal.ref) return frame.principal.node
  return frame.entities.find(ref) ?? frame.actions.find(ref)
}

/** Whether one entity is the other, or has it as an ancestor. */
export function isIn(frame: Frame, ref: EntityRef, target: EntityRef): boolean {
  if (ref.id === target.id && ref.type === target.type) return true
  return lineageIn(frame, ref).has(target)
}

export function partyIn(entities: Entities, actions: Entities, ref: EntityRef): Party {
  const node = entities.find(ref)
  // The store's own name for the entity has its key at hand.
  if (node !== undefined) return { ref: node.ref, node, lineage: entities.lineage(node) }
  const action = actions.find(ref)
  if (action !== undefined) return { ref: action.ref, node: action, lineage: actions.lineage(action) }
  return { ref, node: undefined, lineage: NO_LINEAGE }
}

const NO_LINEAGE = new Lineage([])

function lineageIn(frame: Frame, ref: EntityRef): Lineage {
  if (ref === frame.principal.ref) return frame.principal.lineage
  if (ref === frame.resource.ref) return frame.resource.lineage
  if (ref === frame.action.ref) return frame.action.lineage
  return partyIn(frame.entities, frame.actions, ref).lineage
}
