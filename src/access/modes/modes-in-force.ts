import type { Mode } from './mode-target.ts'

/** Where a request stands, as modes see it: targets as text. */
export interface Places {
  /** Projects that the resource is in. */
  readonly projects: readonly string[]
  /** The gate that it came by, and the upstream that it would go to. */
  readonly routes: readonly string[]
}

/** Modes of a tenant of which at least one is `observe`. */
export interface ModesInForce {
  /** What was set, by target; what is not in here says nothing. */
  readonly modes: ReadonlyMap<string, Mode>
  /** Layers whose policies refuse nothing, as targets. */
  readonly layers: ReadonlySet<string>
}

/** `undefined` where everything is enforced: then nobody has to look. */
export function modesInForce(modes: ReadonlyMap<string, Mode>): ModesInForce | undefined {
  const observed = [...modes].filter(([, mode]) => mode === 'observe').map(([target]) => target)
  if (observed.length === 0) return undefined
  return { modes, layers: new Set(observed.filter((target) => target.startsWith('layer:'))) }
}

/**
 * The modes by which denials of a request that stands there are only observed; none where they are enforced. What is
 * nearer than the tenant goes before it, and an `enforce` goes before every `observe`. INVARIANT: setting anything to
 * `enforce` never lets more through. A resource in several projects is observed for their sake only where all of them
 * are: one project does not open what belongs to another as well.
 */
export function observedBy({ projects, routes }: Places, modes: ReadonlyMap<string, Mode>): readonly string[] {
  if ([...projects, ...routes].some((target) => modes.get(target) === 'enforce')) return NONE
  const isObserved = (target: string): boolean => modes.get(target) === 'observe'
  return [
    ...(isObserved('tenant') ? ['tenant'] : []),
    ...(projects.every(isObserved) ? projects : []),
    ...routes.filter(isObserved),
  ]
}

const NONE: readonly never[] = Object.freeze([])
