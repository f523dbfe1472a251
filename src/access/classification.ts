import type { EntityJson, UidJson } from '../cedar/index.ts'

/**
 * The entities with what they inherit: whatever is in classified data is at least as classified, and where it is
 * restricted it has to stay where that data has to. Where two regions claim it, it has none, and may go nowhere.
 */
export function inheritClassification(entities: readonly EntityJson[]): readonly EntityJson[] {
  const known = new Map(
    entities.filter(({ uid }) => DATA.has(typeOf(uid))).map((entity) => [keyOf(entity.uid), entity]),
  )
  if (known.size === 0) return entities
  const done = new Map<string, Marking>()
  const markingOf = (key: string): Marking => {
    const before = done.get(key)
    if (before !== undefined) return before
    const entity = known.get(key)
    if (entity === undefined) return NOTHING
    const own = ownMarking(entity)
    done.set(key, own) // also ends a circle, which is refused elsewhere
    const all = [own, ...(entity.parents ?? []).map((parent) => markingOf(keyOf(parent)))]
    const rank = Math.max(...all.map((one) => one.rank))
    const highest = all.filter((one) => one.rank === rank)
    const regions = new Set(highest.flatMap((one) => one.regions))
    const found = { rank, classification: highest[0]?.classification, regions: [...regions] }
    done.set(key, found)
    return found
  }
  return entities.map((entity) => {
    if (!DATA.has(typeOf(entity.uid)) || (entity.parents ?? []).length === 0) return entity
    const { rank, classification, regions } = markingOf(keyOf(entity.uid))
    const { rank: ownRank, regions: ownRegions } = ownMarking(entity)
    if (classification === undefined || (rank === ownRank && regions.length === ownRegions.length)) return entity
    const { region: _, ...attrs } = entity.attrs ?? {}
    const [region, ...more] = regions
    return {
      ...entity,
      attrs: { ...attrs, classification, ...(region === undefined || more.length > 0 ? {} : { region }) },
    }
  })
}

const DATA: ReadonlySet<string> = new Set(['Dataset', 'Table', 'Column', 'Index', 'Document'])
const RANKS = ['public', 'internal', 'confidential', 'restricted']

interface Marking {
  readonly rank: number
  readonly classification: string | undefined
  readonly regions: readonly string[]
}

const NOTHING: Marking = { rank: -1, classification: undefined, regions: [] }

function ownMarking({ attrs = {} }: EntityJson): Marking {
  const { classification, region } = attrs
  const regions = typeof region === 'string' ? [region] : []
  if (typeof classification !== 'string') return { ...NOTHING, regions }
  // A word that nobody here knows may mean anything but this: what is restricted stays so.
  const rank = RANKS.includes(classification) ? RANKS.indexOf(classification) : RANKS.indexOf('restricted') - 0.5
  return { rank, classification, regions }
}

function typeOf(uid: UidJson): string {
  return '__entity' in uid ? uid.__entity.type : uid.type
}

function keyOf(uid: UidJson): string {
  const { type, id } = '__entity' in uid ? uid.__entity : uid
  return `${type}::${id}`
}
