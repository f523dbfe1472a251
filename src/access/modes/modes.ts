import type { Clock } from '../../kernel/index.ts'
import type { TenantStore } from '../../store/index.ts'
import { AccessError } from '../errors.ts'
import { type Mode, type ModeTarget, modeTargetText, parseModeTarget } from './mode-target.ts'

export type Identify = 'required' | 'optional'

/** What was set for one target. */
export interface ModeSet {
  readonly target: ModeTarget
  readonly mode: Mode
  /** Whether callers that cannot be identified are let through; only of a gate, while it is observed. */
  readonly identify: Identify
  readonly setBy: string
  /** Milliseconds since the epoch. */
  readonly setAt: number
}

/** What of a tenant is enforced, and what only observed. What is written is in the store before a call resolves, and decided by from then on. */
export interface Modes {
  /** Everything that was set, in the order of the targets as text. */
  list(): readonly ModeSet[]
  /** What is set, by target as text. */
  current(): ReadonlyMap<string, Mode>
  /** `undefined` takes back what was set: what is around the target then goes for it. Resolves with what was set before. */
  set(target: ModeTarget, mode: Mode | undefined, by: string, identify?: Identify): Promise<Mode | undefined>
  /** Whether a gate lets callers through that cannot be identified, to this upstream where it is known. */
  letsAnonymous(gate: 'models' | 'tools', upstream?: string): boolean
}

/** Opens the modes of a tenant. `enforce` is called with all that is set, now and after each change. */
export async function openModes(deps: {
  readonly store: TenantStore
  readonly clock: Clock
  /** `isOpen`: somewhere, callers are let through that cannot be identified. */
  readonly enforce: (modes: ReadonlyMap<string, Mode>, isOpen: boolean) => void
}): Promise<Modes> {
  const { store, clock, enforce } = deps
  const rows = await store.read((q) => q.selectFrom('modes').selectAll().execute())
  let sets = new Map<string, ModeSet>()
  for (const { target: text, mode, identify, set_by: setBy, set_at: setAt } of rows) {
    const target = parseModeTarget(text)
    // INVARIANT: what cannot be read opens nothing.
    if (target !== undefined) sets.set(text, { target, mode, identify, setBy, setAt })
  }
  const modesOf = (): ReadonlyMap<string, Mode> => new Map([...sets].map(([text, { mode }]) => [text, mode]))
  const enforceNow = (): void =>
    enforce(
      modesOf(),
      [...sets.values()].some(({ identify }) => identify === 'optional'),
    )
  enforceNow()

  // One change after the other, so that what is in force is what is in the store.
  let last: Promise<unknown> = Promise.resolve()
  return {
    list: () => [...sets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
    current: modesOf,
    letsAnonymous(gate, upstream) {
      const set = sets.get(`route:${gate}`)
      if (set?.mode !== 'observe' || set.identify !== 'optional') return false
      return upstream === undefined || sets.get(`upstream:${upstream}`)?.mode !== 'enforce'
    },
    set(target, mode, by, identify = 'required') {
      const text = modeTargetText(target)
      checkIdentify(target, mode, identify)
      const mine = last.then(async () => {
        const before = sets.get(text)?.mode
        const setAt = clock.now()
        await store.write(async (q) => {
          await q.deleteFrom('modes').where('target', '=', text).execute()
          if (mode === undefined) return
          const row = { target: text, mode, identify, set_by: by, set_at: setAt } as const
          await q.insertInto('modes').values(row).execute()
        })
        const next = new Map(sets)
        if (mode === undefined) next.delete(text)
        else next.set(text, { target, mode, identify, setBy: by, setAt })
        sets = next
        enforceNow()
        return before
      })
      last = mine.catch(() => undefined)
      return mine
    },
  }
}

function checkIdentify(target: ModeTarget, mode: Mode | undefined, identify: Identify): void {
  if (identify === 'required') return
  if (mode === 'observe' && target.kind === 'route' && target.id !== 'decision-point') return
  throw new AccessError(
    'mode_invalid',
    'only `route:models` and `route:tools` let callers through unidentified, in observe',
  )
}
