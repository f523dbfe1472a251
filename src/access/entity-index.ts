import { Entities, type EntityJson } from '../cedar/index.ts'

/** The entities of one tenant, by the source that knows them. */
export interface EntityIndex {
  /** Replaces what `source` has given before. */
  put(source: string, list: readonly EntityJson[]): void
  /** The entities, and for one question some more. */
  with(more: readonly EntityJson[] | undefined): Entities
}

/** `schema` declares the groups of actions. */
export function entityIndex(schema: string): EntityIndex {
  const bySource = new Map<string, readonly EntityJson[]>()
  let all = Entities.fromJson([], schema)
  return {
    put(source, list) {
      bySource.set(source, list)
      all = Entities.fromJson([...bySource.values()].flat(), schema)
    },
    with: (more) => (more === undefined || more.length === 0 ? all : all.with({ put: more })),
  }
}
