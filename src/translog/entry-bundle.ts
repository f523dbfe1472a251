import { TranslogError } from './errors.ts'

/** The most bytes one entry can have: its length stands in an uint16 (C2SP tlog-tiles, "Log entries"). */
export const MAX_ENTRY_SIZE = 0xffff

/** Entries, each behind its length as a big-endian uint16. Throws `entry_too_large`. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Buffer {
  let size = 0
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_SIZE) throw new TranslogError('entry_too_large', 'an entry is larger than 64 KiB')
    size += 2 + entry.length
  }
  const bundle = Buffer.allocUnsafe(size)
  let at = 0
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at)
    bundle.set(entry, at)
    at += entry.length
  }
  return bundle
}

/** The `count` entries of a bundle. Throws `bundle_malformed` where it does not hold exactly that many. */
export function parseEntryBundle(bundle: Uint8Array, count: number): Buffer[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const entries: Buffer[] = []
  let at = 0
  while (entries.length < count) {
    if (at + 2 > bytes.length) throw malformed(count)
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) throw malformed(count)
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  if (at !== bytes.length) throw malformed(count)
  return entries
}

function malformed(count: number): TranslogError {
  return new TranslogError('bundle_malformed', `the entry bundle does not hold exactly ${count} entries`)
}
