import { CedarError } from './errors.ts'
import { EvaluationError } from './evaluation-error.ts'
import {
  CONSTRUCTORS,
  Datetime,
  type Decimal,
  Duration,
  type Extension,
  type IpAddress,
  isInRange,
  isLoopback,
  isMulticast,
  toDate,
  toTime,
  wholeUnits,
} from './extension.ts'
import type { Evaluate } from './frame.ts'
import { add, subtract } from './long.ts'
import { asSet, asText, mismatch } from './type-check.ts'
import type { Value } from './value.ts'

/** A call of a function or method, whose parameters are compiled already. */
export function compileCall(name: string, parameters: readonly Evaluate[]): Evaluate {
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined
  if (operation === undefined) throw new CedarError('policies_invalid', `unknown function \`${name}\``)
  const [first, second] = parameters
  if (first === undefined || parameters.length !== operation.arity) {
    const message = `\`${name}\` takes ${operation.arity} arguments, got ${parameters.length}`
    return () => {
      throw new EvaluationError(message)
    }
  }
  const { apply } = operation
  if (second === undefined) return (frame) => apply(first(frame), true)
  return (frame) => apply(first(frame), second(frame))
}

interface CallOperation {
  readonly arity: 1 | 2
  /** With one parameter the second is of no meaning. */
  readonly apply: (first: Value, second: Value) => Value
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const OPERATIONS: Readonly<Record<string, CallOperation>> = {
  contains: { arity: 2, apply: (set, element) => asSet(set).has(element) },
  containsAll: { arity: 2, apply: (set, other) => asSet(set).hasAll(asSet(other)) },
  containsAny: { arity: 2, apply: (set, other) => asSet(set).hasAny(asSet(other)) },
  isEmpty: { arity: 1, apply: (set) => asSet(set).elements.length === 0 },

  decimal: construction('decimal'),
  ip: construction('ip'),
  datetime: construction('datetime'),
  duration: construction('duration'),

  lessThan: { arity: 2, apply: (a, b) => asDecimal(a).units < asDecimal(b).units },
  lessThanOrEqual: { arity: 2, apply: (a, b) => asDecimal(a).units <= asDecimal(b).units },
  greaterThan: { arity: 2, apply: (a, b) => asDecimal(a).units > asDecimal(b).units },
  greaterThanOrEqual: { arity: 2, apply: (a, b) => asDecimal(a).units >= asDecimal(b).units },

  isIpv4: { arity: 1, apply: (address) => asIpAddress(address).version === 4 },
  isIpv6: { arity: 1, apply: (address) => asIpAddress(address).version === 6 },
  isLoopback: { arity: 1, apply: (address) => isLoopback(asIpAddress(address)) },
  isMulticast: { arity: 1, apply: (address) => isMulticast(asIpAddress(address)) },
  isInRange: { arity: 2, apply: (address, range) => isInRange(asIpAddress(address), asIpAddress(range)) },

  offset: { arity: 2, apply: (moment, distance) => offset(asDatetime(moment), asDuration(distance)) },
  durationSince: { arity: 2, apply: (moment, earlier) => durationSince(asDatetime(moment), asDatetime(earlier)) },
  toDate: { arity: 1, apply: (moment) => toDate(asDatetime(moment)) ?? overflow('taking the date of') },
  toTime: { arity: 1, apply: (moment) => toTime(asDatetime(moment)) },
  toMilliseconds: { arity: 1, apply: (duration) => asDuration(duration).milliseconds },
  toSeconds: { arity: 1, apply: (duration) => wholeUnits(asDuration(duration), SECOND) },
  toMinutes: { arity: 1, apply: (duration) => wholeUnits(asDuration(duration), MINUTE) },
  toHours: { arity: 1, apply: (duration) => wholeUnits(asDuration(duration), HOUR) },
  toDays: { arity: 1, apply: (duration) => wholeUnits(asDuration(duration), DAY) },
}

function construction(name: string): CallOperation {
  return {
    arity: 1,
    apply(value) {
      const text = asText(value)
      const extension = CONSTRUCTORS[name]?.(text)
      if (extension === undefined) throw new EvaluationError(`\`${text.slice(0, 80)}\` is no ${name}`)
      return extension
    },
  }
}

function offset(moment: Datetime, distance: Duration): Datetime {
  const sum = add(moment.milliseconds, distance.milliseconds)
  return sum === undefined ? overflow('adding to') : new Datetime(sum)
}

function durationSince(moment: Datetime, earlier: Datetime): Duration {
  const difference = subtract(moment.milliseconds, earlier.milliseconds)
  return difference === undefined ? overflow('subtracting from') : new Duration(difference)
}

function overflow(doing: string): never {
  throw new EvaluationError(`overflow while ${doing} a datetime`)
}

function asExtension<Kind extends Extension['kind']>(kind: Kind, value: Value): Extract<Extension, { kind: Kind }> {
  if (typeof value !== 'object' || value.kind !== kind) throw mismatch(kind, value)
  // Each kind is the kind of one class only.
  return value as Extract<Extension, { kind: Kind }>
}

const asDecimal = (value: Value): Decimal => asExtension('decimal', value)
const asIpAddress = (value: Value): IpAddress => asExtension('ipaddr', value)
const asDatetime = (value: Value): Datetime => asExtension('datetime', value)
const asDuration = (value: Value): Duration => asExtension('duration', value)
