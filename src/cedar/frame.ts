import type { Entities, EntityNode } from './entities.ts'
import { Lineage } from './hierarchy.ts'
import type { Uid } from './uid.ts'
import { EntityRef, type RecordValue, type Value } from './value.ts'

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

/** The same as `frame[of]`, which V8 looks up by name where several names occur in one place. */
export function partyOf(frame: Frame, of: 'principal' | 'action' | 'resource'): Party {
  if (of === 'principal') return frame.principal
  return of === 'resource' ? frame.resource : frame.action
}

/** Whether a party of the request is the other entity, or has it as an ancestor. */
export function isWithin({ ref, lineage }: Party, target: EntityRef, hash = target.hash): boolean {
  return (ref.hash === hash && ref.key === target.key) || lineage.includes(target, hash)
}

/** Whether one entity is one of the others, or has it as an ancestor. */
export function isInAny(frame: Frame, ref: EntityRef, targets: readonly EntityRef[]): boolean {
  const lineage = lineageIn(frame, ref)
  for (const target of targets) {
    const { hash } = target
    if ((ref.hash === hash && ref.key === target.key) || lineage.includes(target, hash)) return true
  }
  return false
}

/** Whether one entity is the other, or has it as an ancestor. */
export function isIn(frame: Frame, ref: EntityRef, target: EntityRef): boolean {
  const { hash } = target
  return (ref.hash === hash && ref.key === target.key) || lineageIn(frame, ref).includes(target, hash)
}

export function partyIn(entities: Entities, actions: Entities, uid: Uid, names?: Names): Party {
  const node = entities.find(uid)
  // The store's own name for the entity has its key at hand.
  if (node !== undefined) return { ref: node.ref, node, lineage: entities.lineage(node) }
  const action = actions.find(uid)
  if (action !== undefined) return { ref: action.ref, node: action, lineage: actions.lineage(action) }
  const ref = names === undefined ? new EntityRef(uid.type, uid.id) : names.refOf(uid)
  return { ref, node: undefined, lineage: NO_LINEAGE }
}

/** Remembers the names of entities that no store has: without a schema, actions are asked about again and again. */
export class Names {
  readonly #known = new Map<string, Map<string, EntityRef>>()
  #size = 0

  refOf({ type, id }: Uid): EntityRef {
    const known = this.#known.get(type)?.get(id)
    if (known !== undefined) return known
    const ref = new EntityRef(type, id)
    if (this.#size >= MAX_NAMES) {
      this.#known.clear()
      this.#size = 0
    }
    const ofType = this.#known.get(type) ?? new Map<string, EntityRef>()
    this.#known.set(type, ofType.set(id, ref))
    this.#size++
    return ref
  }
}

const MAX_NAMES = 1024

const NO_LINEAGE = new Lineage([])

function lineageIn(frame: Frame, ref: EntityRef): Lineage {
  if (ref === frame.principal.ref) return frame.principal.lineage
  if (ref === frame.resource.ref) return frame.resource.lineage
  if (ref === frame.action.ref) return frame.action.lineage
  return partyIn(frame.entities, frame.actions, ref).lineage
}
