/** Members of all objects of one body, at most. */
const MOST = 100_000

/**
 * Whether a body of JSON holds more members than anybody needs. Objects of so many names take seconds to be made, while
 * lists and texts of the same size do not: it is counted before they are. Takes time in proportion to the bytes, and
 * whatever they are, also no JSON at all.
 */
export function hasTooManyMembers(bytes: Uint8Array): boolean {
  let members = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = endOfString(bytes, at)
    else if (byte === COLON && ++members > MOST) return true
  }
  return false
}

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
}
