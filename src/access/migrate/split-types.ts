import {
  CedarError,
  type EntityCondition,
  type EntityJson,
  entityCondition,
  type Renames,
  type TypeSplit,
} from '../../cedar/index.ts'
import { manifestError } from '../../identity/index.ts'
import { errorText } from '../../kernel/index.ts'
import type { Trial } from '../trial/trial.ts'
import { uidOf } from '../trial/trial-context.ts'
import type { MigrationPlan, PlannedType } from './plan.ts'

/** Entities that a file of tests adds to those of the manifests. */
interface AddedEntities {
  readonly file: string
  readonly entities: readonly EntityJson[]
}

/**
 * The types that become several, and which of them each declared entity goes to: by its id, or by the first condition that
 * holds of it as it is declared, whatever a test case gives it. Throws `manifest_invalid` for a condition that does not
 * fit the type, and where files declare an entity in ways that would make two of it.
 */
export function splitTypes(plan: MigrationPlan, trial: Trial, added: readonly AddedEntities[]): Renames['typeSplits'] {
  const problems: string[] = []
  const splits = new Map<string, TypeSplit>()
  for (const [type, parts] of plan.types) {
    if (parts.length < 2) continue
    const conditions = conditionsOf(type, parts, plan, trial.schema, problems)
    const known = new Map(parts.flatMap(({ to, only = [] }) => only.map((id) => [id, to] as const)))
    const place = (id: string, entities: readonly EntityJson[]): string | undefined =>
      parts.find(
        ({ when, only }, index) =>
          only === undefined &&
          (when === undefined || conditions.get(index)?.holdsOf(id, trial.known.entities.with(entities)) === true),
      )?.to
    const put = (id: string, to: string | undefined): void => {
      if (to !== undefined) known.set(id, to)
    }
    for (const id of idsOf(type, trial.entities)) if (!known.has(id)) put(id, place(id, []))
    const fixed = new Set(known.keys())
    for (const { file, entities } of added) {
      for (const id of idsOf(type, entities)) {
        if (fixed.has(id)) continue
        const to = place(id, entities)
        const other = known.get(id)
        if (other !== undefined && other !== to) {
          problems.push(
            `${file}: \`${type}::"${id}"\` would be a \`${to}\` here and a \`${other}\` elsewhere: say with \`only\``,
          )
        }
        put(id, to)
      }
    }
    splits.set(type, { parts: parts.map(({ to }) => to), partOf: (id) => known.get(id) })
  }
  if (problems.length > 0) throw manifestError([...new Set(problems)])
  return splits
}

function conditionsOf(
  type: string,
  parts: readonly PlannedType[],
  plan: MigrationPlan,
  schema: string,
  problems: string[],
): ReadonlyMap<number, EntityCondition> {
  const found = new Map<number, EntityCondition>()
  parts.forEach(({ when }, index) => {
    if (when === undefined) return
    try {
      found.set(index, entityCondition(type, when, schema))
    } catch (error) {
      if (!(error instanceof CedarError)) throw error
      problems.push(`${plan.where(['types', type, index, 'when'])}: \`${when}\`: ${errorText(error)}`)
    }
  })
  return found
}

function idsOf(type: string, entities: readonly EntityJson[]): readonly string[] {
  return entities.flatMap((entity) => {
    const uid = uidOf(entity)
    return uid.type === type ? [uid.id] : []
  })
}
