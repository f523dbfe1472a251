import { digestJson } from '../../kernel/index.ts'
import type { RecordedDecision } from '../history/recorded-decision.ts'
import type { Observed } from '../question.ts'
import { type Mode, modeTargetText, parseModeTarget } from './mode-target.ts'
import { observedBy } from './modes-in-force.ts'

type Modes = ReadonlyMap<string, Mode>

/** Observed denials that a switch would make real ones, of one chain, action and resource, by the same policies. */
export interface FailureGroup {
  /** From the subject to the actor: `User::alice → Agent::scout`. */
  readonly principal: string
  readonly action: string
  /** `Type::id` */
  readonly resource: string
  /** Empty where nothing permits it. */
  readonly policies: readonly string[]
  readonly count: number
  /** Of the last one, in milliseconds since the epoch. */
  readonly lastSeen: number
  /** Index of the record of the last one. */
  readonly example: number
}

export interface SwitchPreview {
  /** What would start to fail, the most frequent first. */
  readonly groups: readonly FailureGroup[]
  /** Observed denials in these groups. */
  readonly denials: number
  /** Observed denials of what would be allowed by now. */
  readonly permittedSince: number
  /** Whether all there was has been looked at. */
  readonly isComplete: boolean
  /** Of what would start to fail, the counts aside: another group is another digest. */
  readonly digest: string
}

/** Adds up what would start to fail. */
export interface PreviewBuilder {
  add(decision: RecordedDecision): void
  result(hasMore: boolean): SwitchPreview
}

/** `isStillDenied`: whether it would be denied by what is in force now. */
export function previewSwitch(
  { before, after }: { readonly before: Modes; readonly after: Modes },
  isStillDenied: (decision: RecordedDecision) => boolean,
): PreviewBuilder {
  const groups = new Map<string, Mutable<FailureGroup>>()
  let denials = 0
  let permittedSince = 0
  let isFull = false
  return {
    add(decision) {
      const { observed } = decision
      if (decision.decision !== 'observed-deny' || observed === undefined) return
      if (!wouldGoOn(observed, before) || wouldGoOn(observed, after)) return
      if (!isStillDenied(decision)) {
        permittedSince++
        return
      }
      denials++
      const group = groupOf(decision)
      const key = keyOf(group)
      const known = groups.get(key)
      if (known !== undefined) {
        known.count++
        if (group.lastSeen >= known.lastSeen) Object.assign(known, { lastSeen: group.lastSeen, example: group.example })
      } else if (groups.size < MOST_GROUPS) groups.set(key, group)
      else isFull = true
    },
    result(hasMore) {
      const sorted = [...groups.values()].sort((a, b) => b.count - a.count || (keyOf(a) < keyOf(b) ? -1 : 1))
      const digest = digestJson([...groups.keys()].sort())
      return { groups: sorted, denials, permittedSince, isComplete: !hasMore && !isFull, digest }
    },
  }
}

/** Whoever has more different things denied than that reads no list of them. */
const MOST_GROUPS = 10_000

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Whether a denial that was observed there would be only observed under these modes. Of places one is enough, of the
 * layers it takes all that refused.
 */
export function wouldGoOn({ by, at }: Observed, modes: Modes): boolean {
  const isProject = (target: string): boolean => target.startsWith('project:')
  const places = { projects: at.filter(isProject), routes: at.filter((target) => !isProject(target)) }
  if (observedBy(places, modes).length > 0) return true
  const layers = by.filter((target) => parseModeTarget(target)?.kind === 'layer')
  return layers.length > 0 && layers.every((target) => modes.get(target) === 'observe')
}

/** The modes after one of them was set; `undefined` takes it back. */
export function modesAfter(modes: Modes, target: Parameters<typeof modeTargetText>[0], mode: Mode | undefined): Modes {
  const after = new Map(modes)
  if (mode === undefined) after.delete(modeTargetText(target))
  else after.set(modeTargetText(target), mode)
  return after
}

function groupOf({ chain, action, resource, reasons, at, index }: RecordedDecision): Mutable<FailureGroup> {
  return {
    principal: chain.map(({ kind, id }) => `${kind}::${id}`).join(' → '),
    action,
    resource: `${resource.type}::${resource.id}`,
    policies: [...new Set(reasons.map(({ policy }) => policy))].sort(),
    count: 1,
    lastSeen: at,
    example: index,
  }
}

function keyOf({ principal, action, resource, policies }: FailureGroup): string {
  return JSON.stringify([principal, action, resource, policies])
}
