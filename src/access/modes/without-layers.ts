import type { Known } from '../decide-chain.ts'
import type { Ceiling } from '../layers.ts'
import type { Statement } from '../limits/statement.ts'
import type { PolicySet } from '../policy-set.ts'
import { layerTarget } from './mode-target.ts'

/**
 * What decides where these layers refuse nothing: their forbids, ceilings and limits are left out, their grants and
 * every `@always` stay. INVARIANT: what it allows beyond the rest, only those layers refuse.
 */
export function withoutLayers(known: Known, layers: ReadonlySet<string>): Known {
  return { ...known, set: softened(known.set, layers).all, refuses: (statement) => !isOf(statement, layers) }
}

/** The same, with the ceilings still there: a forbid hides what ceilings say. */
export function withoutForbidsOf(known: Known, layers: ReadonlySet<string>): Known {
  return { ...known, set: softened(known.set, layers).forbids }
}

/** Whether a limit is a statement of one of these layers. */
export function isOf({ layer }: Statement, layers: ReadonlySet<string>): boolean {
  const target = layerTarget(layer)
  return target !== undefined && layers.has(target)
}

interface Softened {
  readonly layers: ReadonlySet<string>
  readonly all: PolicySet
  readonly forbids: PolicySet
}

// A set of policies is decided by many times before it, or what is observed, changes.
const known = new WeakMap<PolicySet, Softened>()

function softened(set: PolicySet, layers: ReadonlySet<string>): Softened {
  const before = known.get(set)
  if (before !== undefined && before.layers === layers) return before
  const { forbids, ceilings } = set.refusing
  const named = (ids: ReadonlyMap<string, readonly string[]>): readonly string[] =>
    [...layers].flatMap((layer) => ids.get(layer) ?? [])
  const bounds = named(ceilings)
  const made = {
    layers,
    forbids: without(set, named(forbids)),
    all: { ...without(set, [...named(forbids), ...bounds]), ceilings: ceilingsWithout(set.ceilings, layers) },
  }
  known.set(set, made)
  return made
}

function without(set: PolicySet, ids: readonly string[]): PolicySet {
  if (ids.length === 0) return set
  const engine = set.engine.with({ remove: ids })
  const gone = new Set(ids)
  const asking = new Map([...set.asking].filter(([id]) => !gone.has(id)))
  const approved = engine.with({ remove: [...asking.keys()] })
  return { ...set, engine, asking, approved, lenient: approved.with({ onError: 'skip' }) }
}

function ceilingsWithout({ byPolicy, everywhere, byTarget }: PolicySet['ceilings'], layers: ReadonlySet<string>) {
  const stays = ({ layer }: Ceiling): boolean => {
    const target = layerTarget(layer)
    return target === undefined || !layers.has(target)
  }
  const targets = [...byTarget].map(([key, found]) => [key, found.filter(stays)] as const)
  return { byPolicy, everywhere, byTarget: new Map(targets.filter(([, found]) => found.length > 0)) }
}
