import type { Long } from './value.ts'

/** The sum, or undefined where it does not fit into 64 bits. */
export function add(a: Long, b: Long): Long | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return toLong(BigInt(a) + BigInt(b))
}

export function subtract(a: Long, b: Long): Long | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (Number.isSafeInteger(difference)) return difference
  }
  return toLong(BigInt(a) - BigInt(b))
}

export function multiply(a: Long, b: Long): Long | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    // `+ 0` turns -0 into 0.
    if (Number.isSafeInteger(product)) return product + 0
  }
  return toLong(BigInt(a) * BigInt(b))
}

export function negate(a: Long): Long | undefined {
  return subtract(0, a)
}

/** The one form of a 64-bit integer (see `Long`), or undefined where it does not fit. */
export function toLong(value: bigint): Long | undefined {
  if (value >= MIN_SAFE && value <= MAX_SAFE) return Number(value)
  return BigInt.asIntN(64, value) === value ? value : undefined
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)
const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER)
