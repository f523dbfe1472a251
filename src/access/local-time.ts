import type { Json } from '../kernel/index.ts'

/** How the tenant tells time. */
export interface Hours {
  /** As in the IANA time zone database: `Europe/Vienna`. */
  readonly timeZone: string
  /** Without them, the tenant never works. `days`: 1 is Monday. `from` (inclusive) and `to` (exclusive) as `08:30`. */
  readonly working?: { readonly days: readonly number[]; readonly from: string; readonly to: string }
}

/** The fact `time`, for a moment in milliseconds since the epoch. Throws a `RangeError` for an unknown time zone. */
export function localTime({ timeZone, working }: Hours): (now: number) => { readonly [name: string]: Json } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const read = (now: number) => {
    const parts = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value]))
    const { year, month, day, hour = '', minute, weekday: name = '' } = parts
    const weekday = DAYS.indexOf(name) + 1
    const clock = `${hour}:${minute}`
    return {
      hour: Number(hour),
      weekday,
      date: `${year}-${month}-${day}`,
      working: working?.days.includes(weekday) === true && clock >= working.from && clock < working.to,
    }
  }
  // Time zones differ by whole minutes, and formatting costs more than a decision.
  let minute = -1
  let last: ReturnType<typeof read> | undefined
  return (now) => {
    const current = Math.floor(now / 60_000)
    if (last === undefined || current !== minute) last = read(now)
    minute = current
    return last
  }
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
