import type { EntityJson, PolicyInfo } from '../../cedar/index.ts'
import type { PolicyFile } from '../layers.ts'
import type { PolicySet } from '../policy-set.ts'
import type { Roles } from '../roles.ts'
import { openTrial, type TrialWorld } from '../trial/trial.ts'

/** What is in force, as it is measured. */
export interface Measured {
  readonly set: PolicySet
  /** The tenant's own and the product's. */
  readonly files: readonly PolicyFile[]
  readonly roles: Roles
  readonly entities: readonly EntityJson[]
}

/** Policies, templates and limits, as somebody wrote them. */
export function statementsOf({ engine, limits }: PolicySet): readonly PolicyInfo[] {
  const written = [...engine.policies()].filter(({ link }) => link === undefined)
  return [...written, ...engine.templates(), ...(limits?.engine.policies() ?? [])]
}

export function placeOf({ position: { source, line } }: Pick<PolicyInfo, 'position'>): string {
  return source === undefined ? `${line}` : `${source}:${line}`
}

/** A tenant as its manifests describe it. Throws `policies_invalid`. */
export function measuredOf(world: TrialWorld): Measured {
  const { foundation, policies, roles, entities } = world
  const shipped = foundation.policies.map((file): PolicyFile => ({ ...file, layer: { kind: 'foundation' } }))
  const files = [...shipped, ...(foundation.roles ?? []), ...policies]
  return { set: openTrial(world).known.set, files, roles, entities }
}
