import { toLong } from './long.ts'
import type { Long } from './value.ts'

/** A value of an extension type. */
export type Extension = Decimal | IpAddress | Datetime | Duration

export class Decimal {
  readonly kind = 'decimal'
  /** Ten-thousandths. */
  readonly units: Long

  constructor(units: Long) {
    this.units = units
  }
}

export class IpAddress {
  readonly kind = 'ipaddr'
  readonly version: 4 | 6
  readonly address: bigint
  /** Bits of the network. */
  readonly prefix: number

  constructor(version: 4 | 6, address: bigint, prefix: number) {
    this.version = version
    this.address = address
    this.prefix = prefix
  }
}

/** Milliseconds since 1970-01-01T00:00:00Z. */
export class Datetime {
  readonly kind = 'datetime'
  readonly milliseconds: Long

  constructor(milliseconds: Long) {
    this.milliseconds = milliseconds
  }
}

export class Duration {
  readonly kind = 'duration'
  readonly milliseconds: Long

  constructor(milliseconds: Long) {
    this.milliseconds = milliseconds
  }
}

/** Each constructor gives undefined for text that it does not accept. */
export const CONSTRUCTORS: Readonly<Record<string, (text: string) => Extension | undefined>> = {
  decimal: parseDecimal,
  ip: parseIpAddress,
  datetime: parseDatetime,
  duration: parseDuration,
}

export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)([0-9]+)\.([0-9]{1,4})$/.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = ''] = match
  const units = signedLong(sign, naturalOf(whole + fraction.padEnd(4, '0')))
  return units === undefined ? undefined : new Decimal(units)
}

function signedLong(sign: string | undefined, natural: bigint): Long | undefined {
  return toLong(sign === '-' ? -natural : natural)
}

// Far more than 64 bits; keeps the conversion of a megabyte of digits from taking long.
const TOO_MUCH = 1n << 80n

function naturalOf(digits: string): bigint {
  const significant = digits.replace(/^0+/, '')
  return significant.length > 24 ? TOO_MUCH : BigInt(significant)
}

const DAY = 86_400_000

export function parseDatetime(text: string): Datetime | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{3}))?(?:Z|([+-])(\d{2})(\d{2})))?$/.exec(
    text,
  )
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0] = match
    .slice(1, 8)
    .map((part) => Number(part ?? 0))
  const [sign, offsetHours, offsetMinutes] = [match[8], Number(match[9] ?? 0), Number(match[10] ?? 0)]
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined
  const date = new Date(0)
  // Not Date.UTC: it moves the years 0 to 99 into the twentieth century.
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const local = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + fraction
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000
  return new Datetime(sign === '-' ? local + offset : local - offset)
}

export function parseDuration(text: string): Duration | undefined {
  const match = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text)
  if (match === null || match.slice(2).every((part) => part === undefined)) return undefined
  const [days = 0n, hours = 0n, minutes = 0n, seconds = 0n, milliseconds = 0n] = match
    .slice(2)
    .map((part) => naturalOf(part ?? ''))
  const total = days * BigInt(DAY) + hours * 3_600_000n + minutes * 60_000n + seconds * 1000n + milliseconds
  const signed = signedLong(match[1], total)
  return signed === undefined ? undefined : new Duration(signed)
}

/** An address with or without a prefix length, as Cedar accepts it: no IPv4 inside of IPv6, no leading zeros. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const slash = text.indexOf('/')
  const host = slash === -1 ? text : text.slice(0, slash)
  const version = host.includes(':') ? 6 : 4
  const bits = version === 6 ? 128 : 32
  const address = version === 6 ? parseIpv6(host) : parseIpv4(host)
  if (address === undefined) return undefined
  if (slash === -1) return new IpAddress(version, address, bits)
  const prefix = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bits) return undefined
  return new IpAddress(version, address, Number(prefix))
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.', 5)
  if (parts.length !== 4) return undefined
  let address = 0n
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    address = address * 256n + BigInt(part)
  }
  return address
}

function parseIpv6(text: string): bigint | undefined {
  if (text.length > 39) return undefined
  const [head = '', tail, extra] = text.split('::')
  if (extra !== undefined) return undefined
  const before = groupsOf(head)
  const after = groupsOf(tail ?? '')
  if (before === undefined || after === undefined) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  return BigInt(`0x${groups.map((group) => group.padStart(4, '0')).join('')}`)
}

function groupsOf(text: string): string[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  return groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ? groups : undefined
}

/** Whether every address of `inner` lies in `outer`. */
export function isInRange(inner: IpAddress, outer: IpAddress): boolean {
  if (inner.version !== outer.version || inner.prefix < outer.prefix) return false
  const host = BigInt((outer.version === 6 ? 128 : 32) - outer.prefix)
  return inner.address >> host === outer.address >> host
}

const LOOPBACK = { 4: new IpAddress(4, 127n << 24n, 8), 6: new IpAddress(6, 1n, 128) } as const
const MULTICAST = { 4: new IpAddress(4, 224n << 24n, 4), 6: new IpAddress(6, 0xffn << 120n, 8) } as const

export function isLoopback(address: IpAddress): boolean {
  return isInRange(address, LOOPBACK[address.version])
}

export function isMulticast(address: IpAddress): boolean {
  return isInRange(address, MULTICAST[address.version])
}

/** The start of the day (UTC), or undefined where it lies before what 64 bits hold. */
export function toDate({ milliseconds }: Datetime): Datetime | undefined {
  const floor = toLong(BigInt(milliseconds) - BigInt(millisecondsOfDay(milliseconds)))
  return floor === undefined ? undefined : new Datetime(floor)
}

export function toTime({ milliseconds }: Datetime): Duration {
  return new Duration(millisecondsOfDay(milliseconds))
}

function millisecondsOfDay(milliseconds: Long): number {
  const rest = typeof milliseconds === 'number' ? milliseconds % DAY : Number(milliseconds % BigInt(DAY))
  // `+ 0` turns -0 into 0.
  return (rest < 0 ? rest + DAY : rest) + 0
}

/** How many whole units (of so many milliseconds) the duration has, rounded towards zero. */
export function wholeUnits({ milliseconds }: Duration, unit: number): Long {
  if (typeof milliseconds === 'number') return Math.trunc(milliseconds / unit) + 0
  const whole = toLong(milliseconds / BigInt(unit))
  // A quotient of a 64-bit integer by a positive one always fits.
  return whole ?? 0
}
