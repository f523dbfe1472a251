import { hash } from 'node:crypto'

/**
 * A number below 2^53 for a txn: 33 bits of its milliseconds, then 20 bits of its randomness. Numbers of requests
 * that come one after another lie side by side, which keeps the index small and its growth at its right edge. Two
 * txns may share one: whoever looks something up compares the txn itself.
 */
export function txnNumber(txn: string): number {
  if (!TXN.test(txn)) return hash('sha256', txn, 'buffer').readUIntBE(0, 6)
  let time = 0
  for (let i = 4; i < 14; i++) time = time * 32 + digit(txn, i)
  let random = 0
  for (let i = 14; i < 18; i++) random = random * 32 + digit(txn, i)
  return (time % 2 ** 33) * 2 ** 20 + random
}

// The form of kernel/ids.ts: Crockford's alphabet, 10 digits of time and 16 of randomness.
const TXN = /^txn_[0-9a-hjkmnp-tv-z]{26}$/
const DIGITS = new Uint8Array(128)
for (const [value, character] of [...'0123456789abcdefghjkmnpqrstvwxyz'].entries()) {
  DIGITS[character.charCodeAt(0)] = value
}

function digit(txn: string, at: number): number {
  return DIGITS[txn.charCodeAt(at)] ?? 0
}
