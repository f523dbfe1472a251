import type { PolicyInfo } from '../../cedar/index.ts'

/** What a forbid says that an approval lifts. */
export interface Asking {
  /** Milliseconds for which an approval stays good after it was given. */
  readonly goodFor: number
  /** Whether the people behind a request may approve it too, and not only others. */
  readonly own: boolean
}

/**
 * What `@approval("15m")` and `@approvers("own")` of a policy say, `undefined` where it has neither. A string is what is
 * wrong with them.
 */
export function askingOf({ effect, annotations, link }: PolicyInfo): Asking | string | undefined {
  const { approval, approvers } = annotations
  if (approval === undefined) return approvers === undefined ? undefined : '@approvers needs @approval'
  if (effect === 'permit' || link !== undefined) return 'only a forbid can ask for an approval'
  const goodFor = durationOf(approval)
  if (goodFor === undefined) return `@approval("${approval}") is no time from 10s to 7d, as in "15m"`
  if (approvers !== undefined && approvers !== 'own' && approvers !== 'others') {
    return `@approvers("${approvers}") is neither "others" nor "own"`
  }
  return { goodFor, own: approvers === 'own' }
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** In milliseconds. */
function durationOf(text: string): number | undefined {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? []
  const duration = Number(count) * (UNITS[unit] ?? Number.NaN)
  return duration >= 10_000 && duration <= 7 * 86_400_000 ? duration : undefined
}
