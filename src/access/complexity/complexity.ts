import type { PolicyInfo } from '../../cedar/index.ts'
import type { PolicyFile } from '../layers.ts'
import { layerOf, layerText } from '../layers.ts'
import type { PolicySet } from '../policy-set.ts'
import { templatesOf } from '../roles.ts'
import { canShadow } from '../trial/check-policies.ts'
import { type AgentException, agentExceptions } from './agent-exceptions.ts'
import { type Drift, driftOf } from './drift.ts'
import { type Duplicates, duplicatesAmong } from './near-duplicates.ts'
import { type Measured, placeOf, statementsOf } from './statements.ts'

/** The size and the shape of what is in force. Numbers mean the same in every version: they are worth keeping. */
export interface Complexity {
  readonly totals: {
    /** Policies, templates of roles, and limits; not counted by how many people have a role. */
    readonly statements: number
    /** Of these, those that the product does not ship with. */
    readonly own: number
    readonly files: number
    readonly permits: number
    readonly forbids: number
    readonly ceilings: number
    readonly limits: number
    readonly roles: number
    /** Roles that somebody has, each time that they are given. */
    readonly grants: number
    readonly overlaps: number
    readonly nearDuplicates: number
    readonly exceptions: number
  }
  readonly files: readonly FileSize[]
  readonly conditions: ConditionSizes
  readonly overlaps: readonly Overlap[]
  readonly nearDuplicates: readonly Duplicates[]
  readonly exceptions: readonly AgentException[]
  /** Roles that nobody has. */
  readonly unusedRoles: readonly string[]
  readonly drift: Drift
}

export interface FileSize {
  readonly file: string
  /** `the tenant`, `the project churn` */
  readonly layer: string
  readonly as: string
  readonly statements: number
  readonly permits: number
  readonly forbids: number
}

export interface ConditionSizes {
  /** Expressions in the conditions of a statement. */
  readonly median: number
  readonly most: number
  readonly deepest: number
  /** The largest statements, the largest first. */
  readonly largest: readonly {
    readonly id: string
    readonly place: string
    readonly parts: number
    readonly depth: number
  }[]
}

/** A statement that another one makes needless. */
export interface Overlap {
  readonly policy: string
  readonly place: string
  readonly message: string
}

const SHOWN = 5

/** Measures what is in force. What the product ships with is counted, and not complained of. */
export function complexityOf({ set, files, roles, entities }: Measured): Complexity {
  const statements = statementsOf(set)
  const own = statements.filter(({ position: { source } }) => source?.startsWith('foundation/') !== true)
  const overlaps = overlapsIn(set, files)
  const nearDuplicates = duplicatesAmong(own)
  const exceptions = agentExceptions(own, files, entities)
  const templates = templatesOf(set.engine, roles.declared)
  const held = new Set(roles.grants.map(({ role }) => role))
  const known = new Set([...roles.declared, ...templates.keys()])
  const isCeiling = (one: PolicyInfo): boolean => set.ceilings.byPolicy.has(one.id)
  const isLimit = (one: PolicyInfo): boolean => set.limits?.statements.has(one.id) === true
  const deciding = statements.filter((one) => !isCeiling(one) && !isLimit(one))
  return {
    totals: {
      statements: statements.length,
      own: own.length,
      files: files.filter(({ as }) => as !== 'schema').length,
      permits: deciding.filter(({ effect }) => effect === 'permit').length,
      forbids: deciding.filter(({ effect }) => effect === 'forbid').length,
      ceilings: statements.filter(isCeiling).length,
      limits: set.limits?.statements.size ?? 0,
      roles: known.size,
      grants: roles.grants.length,
      overlaps: overlaps.length,
      nearDuplicates: nearDuplicates.reduce((sum, { policies }) => sum + policies.length, 0),
      exceptions: exceptions.reduce((sum, { policies }) => sum + policies.length, 0),
    },
    files: sizesOf(files, statements),
    conditions: conditionsOf(set),
    overlaps,
    nearDuplicates,
    exceptions,
    unusedRoles: [...known].filter((role) => !held.has(role)).sort(),
    drift: driftOf({ set, files, roles, entities }),
  }
}

function sizesOf(files: readonly PolicyFile[], statements: readonly PolicyInfo[]): readonly FileSize[] {
  const counts = new Map<string, { statements: number; permits: number; forbids: number }>()
  for (const { effect, position } of statements) {
    const source = position.source ?? ''
    const count = counts.get(source) ?? { statements: 0, permits: 0, forbids: 0 }
    counts.set(source, count)
    count.statements++
    count[effect === 'permit' ? 'permits' : 'forbids']++
  }
  return files
    .filter(({ as }) => as !== 'schema')
    .map((file) => ({
      file: file.name,
      layer: layerText(layerOf(file)),
      as: file.as ?? 'grants',
      ...(counts.get(file.name) ?? { statements: 0, permits: 0, forbids: 0 }),
    }))
}

function conditionsOf(set: PolicySet): ConditionSizes {
  const asks = [...set.engine.asks(), ...(set.limits?.engine.asks() ?? [])].filter(({ id }) => {
    const info = set.engine.policy(id)
    return info?.link === undefined
  })
  const bySize = asks
    .map(({ id, source, size }) => ({ id, place: set.engine.policy(id) ?? source, ...size }))
    .map(({ place, ...one }) => ({ ...one, place: typeof place === 'object' ? placeOf(place) : (place ?? '') }))
    .sort((a, b) => b.parts - a.parts || (a.id < b.id ? -1 : 1))
  return {
    median: bySize[bySize.length >> 1]?.parts ?? 0,
    most: bySize[0]?.parts ?? 0,
    deepest: bySize.reduce((deepest, { depth }) => Math.max(deepest, depth), 0),
    largest: bySize.slice(0, SHOWN).map(({ id, place, parts, depth }) => ({ id, place, parts, depth })),
  }
}

function overlapsIn(set: PolicySet, files: readonly PolicyFile[]): readonly Overlap[] {
  return set.engine
    .lint(canShadow(set.engine, files))
    .filter(({ rule, source }) => rule === 'shadowed' && source?.startsWith('foundation/') !== true)
    .filter(({ policy }) => set.engine.policy(policy)?.link === undefined)
    .map(({ policy, message, source, line }) => ({ policy, place: `${source ?? ''}:${line ?? ''}`, message }))
}
