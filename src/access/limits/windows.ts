export const WINDOWS = ['second', 'minute', 'hour', 'day', 'week', 'month'] as const
export type WindowName = (typeof WINDOWS)[number]

/** A window of time; both in milliseconds since the epoch, `end` exclusive. */
export interface Window {
  readonly start: number
  readonly end: number
}

/**
 * Finds the window that a moment lies in. Seconds, minutes and hours are those of UTC; days, weeks (from Monday) and
 * months are those of the calendar in `timeZone`. Throws a `RangeError` for an unknown time zone.
 */
export function windowsIn(timeZone: string): (name: WindowName, now: number) => Window {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  // Formatting costs more than a decision.
  const last = new Map<WindowName, Window>()
  return (name, now) => {
    const known = last.get(name)
    if (known !== undefined && now >= known.start && now < known.end) return known
    const found = LENGTHS[name] === undefined ? calendarWindow(name, now, format) : fixedWindow(LENGTHS[name], now)
    last.set(name, found)
    return found
  }
}

const SECOND = 1_000
const LENGTHS: Readonly<Record<string, number>> = {
  second: SECOND,
  minute: 60 * SECOND,
  hour: 3_600 * SECOND,
}
const DAY = 24 * 3_600 * SECOND

/** Milliseconds, where a window is always of the same length: in seconds, minutes and hours. */
export function lengthOf(name: string): number | undefined {
  return LENGTHS[name]
}

function fixedWindow(length: number, now: number): Window {
  const start = Math.floor(now / length) * length
  return { start, end: start + length }
}

function calendarWindow(name: WindowName, now: number, format: Intl.DateTimeFormat): Window {
  const local = new Date(localTime(now, format))
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  const monday = day - ((local.getUTCDay() + 6) % 7)
  switch (name) {
    case 'week':
      return between(Date.UTC(year, month, monday), Date.UTC(year, month, monday + 7), format)
    case 'month':
      return between(Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1), format)
    default:
      return between(Date.UTC(year, month, day), Date.UTC(year, month, day + 1), format)
  }
}

function between(from: number, to: number, format: Intl.DateTimeFormat): Window {
  return { start: momentOf(from, format), end: momentOf(to, format) }
}

/** What the clocks on the wall show, as if it were UTC. */
function localTime(now: number, format: Intl.DateTimeFormat): number {
  const parts = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

/** The moment in which the clocks on the wall show `local`; where they leave it out, the moment they go on from. */
function momentOf(local: number, format: Intl.DateTimeFormat): number {
  const offsets = [local - DAY, local + DAY].map((moment) => localTime(moment, format) - moment)
  const candidates = offsets.map((offset) => local - offset)
  const exact = candidates.filter((moment) => localTime(moment, format) === local)
  return exact.length > 0 ? Math.min(...exact) : Math.max(...candidates)
}
