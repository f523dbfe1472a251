import { HASH_SIZE } from './hashing.ts'

/** The state of a log: its name, how many entries it has, and the root over them. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** extension lines; ours never have any */
  readonly extensions: readonly string[]
}

/** Origin, size and root on a line each, then extension lines (C2SP tlog-checkpoint, "Note text"). */
export function formatCheckpointText(checkpoint: Omit<Checkpoint, 'extensions'>): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${Buffer.from(checkpoint.root).toString('base64')}\n`
}

export function parseCheckpointText(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  const hash = Buffer.from(root, 'base64')
  if (origin === '' || !/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) return undefined
  if (hash.length !== HASH_SIZE || hash.toString('base64') !== root) return undefined
  if (extensions.some((line) => line === '')) return undefined
  return { origin, size: Number(size), root: hash, extensions }
}
