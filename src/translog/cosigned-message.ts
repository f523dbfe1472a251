import { parseCheckpointText } from './checkpoint-text.ts'

export interface TimestampedSignature {
  /** seconds since the epoch */
  readonly timestamp: number
  readonly signature: Uint8Array
}

/** What a cosignature is made over with Ed25519 (C2SP tlog-cosignature). `timestamp` in seconds. */
export function ed25519CosignedMessage(text: string, timestamp: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${timestamp}\n${text}`)
}

/**
 * What a cosignature is made over with ML-DSA-44: origin, size and root of the checkpoint, but no extension lines.
 * `undefined` where the text is not that of a checkpoint, or a name is too long.
 */
export function mlDsaCosignedMessage(cosigner: string, text: string, timestamp: number): Buffer | undefined {
  const checkpoint = parseCheckpointText(text)
  if (checkpoint === undefined) return undefined
  const name = Buffer.from(cosigner)
  const origin = Buffer.from(checkpoint.origin)
  if (name.length > 255 || origin.length > 255) return undefined
  return Buffer.concat([
    Buffer.from('subtree/v1\n\0'),
    Buffer.of(name.length),
    name,
    uint64(timestamp),
    Buffer.of(origin.length),
    origin,
    uint64(0),
    uint64(checkpoint.size),
    checkpoint.root,
  ])
}

export function formatTimestampedSignature({ timestamp, signature }: TimestampedSignature): Buffer {
  return Buffer.concat([uint64(timestamp), signature])
}

export function parseTimestampedSignature(bytes: Uint8Array): TimestampedSignature | undefined {
  if (bytes.length <= 8) return undefined
  const timestamp = Number(Buffer.from(bytes.subarray(0, 8)).readBigUInt64BE(0))
  return Number.isSafeInteger(timestamp) ? { timestamp, signature: bytes.subarray(8) } : undefined
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
