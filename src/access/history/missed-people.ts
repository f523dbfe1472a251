import type { EntityIndex } from '../entity-index.ts'
import type { EntityRef } from '../question.ts'
import type { RecordedDecision } from './recorded-decision.ts'
import type { WorldTimeline } from './world-timeline.ts'

/**
 * Whether a decision could have looked at somebody who was forgotten since: anybody in its chain, its resource, what
 * these are in, and whom these name. INVARIANT: what is not known counts as if it had been looked at.
 */
export function missedPeople(
  timeline: WorldTimeline,
): (recorded: RecordedDecision, entities: Pick<EntityIndex, 'entity'>) => boolean {
  if (!timeline.hasErased) return () => false
  return ({ chain, resource, state = 0, attributes, entities: stated }, entities) => {
    const open: EntityRef[] = [...chain.map(({ kind, id }) => ({ type: kind, id })), resource]
    for (const one of [attributes, stated]) collect(one, open)
    const seen = new Set<string>()
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const name = `${next.type}::${next.id}`
      if (seen.has(name)) continue
      seen.add(name)
      if (
        SOURCES.some((source) => timeline.isErased(JSON.stringify(['entity', source, next?.type, next?.id]), state))
      ) {
        return true
      }
      const entity = entities.entity(next)
      // Of those who were forgotten nothing is kept, not even that there was one of this name.
      if (entity === undefined && next.type === 'User') return true
      collect(entity, open)
    }
    return false
  }
}

/** Who speaks of people, or of what belongs to them. */
const SOURCES = ['directory', 'catalog', 'resources', 'risk', 'tenant']

/** Every entity that is named somewhere in this. */
function collect(value: unknown, into: EntityRef[]): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const one of value) collect(one, into)
    return
  }
  const { type, id } = value as { readonly type?: unknown; readonly id?: unknown }
  if (typeof type === 'string' && typeof id === 'string') into.push({ type, id })
  for (const one of Object.values(value)) collect(one, into)
}
