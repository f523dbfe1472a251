import type { AccessRequest, Entities, PolicyError, Uid } from '../cedar/index.ts'
import type { Ceiling } from './layers.ts'
import type { Ceilings, PolicySet } from './policy-set.ts'

/** What the layers say to one principal. INVARIANT: it is allowed exactly when nothing forbids, no ceiling refuses, and something grants. */
export interface Verdict {
  readonly isAllowed: boolean
  /** Policies that grant it; empty where something forbids, for then nobody has looked. */
  readonly grants: readonly string[]
  readonly forbids: readonly string[]
  /** Ceilings above which it lies. */
  readonly ceilings: readonly Ceiling[]
  readonly errors: readonly PolicyError[]
}

/**
 * The rule of the layers: some grant permits, every ceiling permits, nothing forbids. Grants come from the tenant, the
 * project of the resource and the layer of the agent. A forbid that cannot be evaluated forbids, a ceiling that cannot
 * be evaluated refuses, and a grant that cannot be evaluated grants nothing.
 */
export function judge(request: AccessRequest, entities: Entities, set: PolicySet, now: number): Verdict {
  const { engine, ceilings } = set
  const { decision, reasons: found, errors } = engine.decide(request, entities)
  const reasons = decision === 'allow' ? notEnded(found, set, now) : found
  if (decision === 'deny' && reasons.length > 0) {
    return { isAllowed: false, grants: NONE, forbids: reasons, ceilings: NONE, errors }
  }
  if (ceilings.everywhere.length === 0 && ceilings.byTarget.size === 0) {
    return { isAllowed: reasons.length > 0, grants: reasons, forbids: NONE, ceilings: NONE, errors }
  }
  const grants = reasons.filter((policy) => !ceilings.byPolicy.has(policy))
  const permitting = new Set(reasons.map((policy) => ceilings.byPolicy.get(policy)))
  for (const { policy } of errors) permitting.delete(ceilings.byPolicy.get(policy))
  const refusing = ceilingsAbove(request, entities, ceilings).filter((ceiling) => !permitting.has(ceiling))
  return { isAllowed: grants.length > 0 && refusing.length === 0, grants, forbids: NONE, ceilings: refusing, errors }
}

/** Whether it could be allowed if what is not known were as wished: a policy that fails for want of it agrees. */
export function couldBeAllowed(request: AccessRequest, entities: Entities, set: PolicySet, now: number): boolean {
  const { lenient, ceilings } = set
  const { decision, reasons, errors } = lenient.decide(request, entities)
  if (decision === 'deny' && reasons.length > 0) return false
  const failing = errors.map(({ policy }) => policy).filter((id) => lenient.policy(id)?.effect === 'permit')
  const agreeing = notEnded([...reasons, ...failing], set, now)
  if (!agreeing.some((policy) => !ceilings.byPolicy.has(policy))) return false
  const permitting = new Set(agreeing.map((policy) => ceilings.byPolicy.get(policy)))
  return ceilingsAbove(request, entities, ceilings).every((ceiling) => permitting.has(ceiling))
}

const NONE: readonly never[] = Object.freeze([])

/** A grant with an end grants nothing from that moment on. */
function notEnded(policies: readonly string[], { roles: { ends } }: PolicySet, now: number): readonly string[] {
  if (ends.size === 0) return policies
  return policies.filter((policy) => {
    const end = ends.get(policy)
    return end === undefined || now < end
  })
}

/** The ceilings that concern this request: those of everything, of the principal, and of the projects of the resource. */
function ceilingsAbove(
  { principal, resource }: AccessRequest,
  entities: Entities,
  { everywhere, byTarget }: Ceilings,
): readonly Ceiling[] {
  if (byTarget.size === 0) return everywhere
  const found = [...everywhere]
  for (const uid of [principal, resource]) {
    for (const key of keysAround(uid, entities)) {
      for (const ceiling of byTarget.get(key) ?? []) if (isAbout(ceiling, uid === principal)) found.push(ceiling)
    }
  }
  return found
}

function isAbout({ layer }: Ceiling, isPrincipal: boolean): boolean {
  return isPrincipal === (layer.kind === 'agent')
}

/** An entity and everything that it is in. */
function keysAround(uid: Uid, entities: Entities): readonly string[] {
  const node = entities.find(uid)
  if (node === undefined) return [`${uid.type}::${JSON.stringify(uid.id)}`]
  return [node.ref.key, ...entities.lineage(node).refs.map(({ key }) => key)]
}
