import type { Steps } from '../../cedar/index.ts'
import { coverCells } from './cover.ts'
import type { Landscape } from './landscape.ts'
import { type Cell, type Rhythm, rhythmKey, type Tally } from './tally.ts'

/** Why something that was seen is not granted before somebody has looked at it. */
export type Caution = 'untrusted' | 'alone' | 'burst' | 'elevated' | 'administration' | 'broad'

export interface Sorted {
  readonly learnt: readonly Cell[]
  readonly aside: ReadonlyMap<Caution, readonly Cell[]>
}

/**
 * Parts what is to be granted from what somebody has to look at first: elevated actions, calls with arguments from
 * untrusted content, what came in a burst, what one agent does alone. Whoever stood behind nothing but such requests is
 * granted nothing for them either.
 */
export function* sortCells(cells: readonly Cell[], tally: Tally, land: Landscape): Steps<Sorted> {
  const aside = new Map<Caution, Cell[]>()
  const keep: Cell[] = []
  const put = (caution: Caution, cell: Cell): void => {
    const list = aside.get(caution)
    if (list === undefined) aside.set(caution, [cell])
    else list.push(cell)
  }
  const isBurst = burstsIn(tally, land)
  for (const cell of cells) {
    const caution = cautionOf(cell, isBurst)
    if (caution === undefined) keep.push(cell)
    else put(caution, cell)
  }
  const active = activeIn(cells)
  const cover = yield* coverCells(keep.filter(acted), land, { active, setsAside: true })
  const alone = new Set(cover.alone.flatMap((grant) => grant.cells))
  for (const cell of alone) put('alone', cell)
  const actors = new Set(keep.filter((cell) => acted(cell) && !alone.has(cell)).map(keyOf))
  const cautions = new Map([...aside].flatMap(([caution, list]) => list.map((cell) => [keyOf(cell), caution] as const)))
  const learnt: Cell[] = []
  for (const cell of keep) {
    if (alone.has(cell)) continue
    const behind =
      acted(cell) || cell.actors === undefined ? undefined : [...cell.actors].map((one) => actorKey(cell, one))
    if (behind === undefined || behind.some((key) => actors.has(key))) learnt.push(cell)
    else {
      const caution = behind.map((key) => cautions.get(key)).find((one) => one !== undefined)
      // Whom it stood behind needs no grant of ours, because a role permits it; or its calls are granted or not by where
      // their arguments come from, and nothing goes on without it.
      if (caution === undefined || caution === 'untrusted') learnt.push(cell)
      else put(caution, cell)
    }
  }
  return { learnt, aside }
}

export function activeIn(cells: readonly Cell[]): ReadonlySet<number> {
  return new Set(cells.map(({ principal }) => principal))
}

function acted({ acting }: Cell): boolean {
  return acting > 0
}

function keyOf(cell: Cell): string {
  return actorKey(cell, cell.principal)
}

function actorKey({ action, resource }: Cell, actor: number): string {
  return `${actor} ${action.number} ${resource}`
}

function cautionOf(cell: Cell, isBurst: (cell: Cell) => boolean): Caution | undefined {
  const { action, isTainted } = cell
  if (action.isElevated) return 'elevated'
  if (isTainted) return 'untrusted'
  if (action.isAdmin && !action.isRead) return 'administration'
  return isBurst(cell) ? 'burst' : undefined
}

/** How many times what is usual among those of a type makes a burst, and how many requests at least. */
const TIMES = 5
const AT_LEAST = 20
const LONGEST = 2

/** Whether a cell was seen only while its agent did far more of this than agents of its type ever do. */
function burstsIn({ rhythms, slice }: Tally, land: Landscape): (cell: Cell) => boolean {
  const usual = new Map<string, number>()
  return ({ principal, action, acting, first, last }) => {
    if (acting === 0 || land.uidOf(principal).type !== 'Agent') return false
    const [from, to] = [slice(first), slice(last)]
    if (to - from >= LONGEST) return false
    const rhythm = rhythms.get(rhythmKey(principal, action))
    if (rhythm === undefined) return false
    let most = 0
    for (let at = from; at <= to; at++) most = Math.max(most, rhythm[at] ?? 0)
    if (most < AT_LEAST) return false
    const type = land.within(principal).find((one) => land.uidOf(one).type === 'AgentType')
    const peers = type === undefined ? [principal] : land.members('Agent', [type])
    const key = `${type ?? -1 - principal} ${action.number} ${principal}`
    let normal = usual.get(key)
    if (normal === undefined) {
      const others = peers
        .filter((one) => one !== principal)
        .flatMap((one) => rhythms.get(rhythmKey(one, action)) ?? [])
      normal = usually(others.length >= 2 ? others : [rhythm])
      usual.set(key, normal)
    }
    return most >= Math.max(AT_LEAST, TIMES * normal)
  }
}

/** What 95 of 100 busy slices stay below. */
function usually(rhythms: readonly Rhythm[]): number {
  const counts = rhythms.flatMap((rhythm) => [...rhythm].filter((count) => count > 0)).sort((a, b) => a - b)
  return counts[Math.floor(counts.length * 0.95)] ?? counts.at(-1) ?? 0
}
