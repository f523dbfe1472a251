import { InvalidArgumentError } from 'commander'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** `30m`, `12h`, `7d`: seconds. */
export function secondsOf(text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? []
  const factor = SECONDS[unit]
  if (count === undefined || factor === undefined) {
    throw new InvalidArgumentError('must be a number and s, m, h or d, as in `30m`')
  }
  return Number(count) * factor
}
