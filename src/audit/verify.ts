import { errorText } from '../kernel/index.ts'
import {
  equalHashes,
  parseCheckpoint,
  parseNote,
  type VerifiedCheckpoint,
  type Verifier,
  verifyCheckpoint,
} from '../translog/index.ts'
import type { LogOrigin } from './continuation.ts'
import type { FoundCheckpoint, LogSource } from './log-source.ts'
import { type Problem, Problems } from './problems.ts'
import { verifyTree } from './verify-tree.ts'

export interface VerifyOptions {
  /** The log's public keys: every checkpoint must be signed by all of them. */
  readonly verifiers: readonly Verifier[]
  /** Public keys of witnesses that are trusted to have seen no other history. */
  readonly witnesses?: readonly Verifier[]
  /** How many of them must have cosigned this history; where left out, whoever has is only named. */
  readonly quorum?: number
  /** The name that the newest checkpoint must carry; any, where left out. */
  readonly origin?: string
  /** Checkpoints that were kept from earlier: the log must still contain what they signed. */
  readonly kept?: readonly string[]
  /** The newest checkpoint that witnesses cosigned, as found; to be read before the log is. */
  readonly witnessed?: string
  /** Called now and then; `done` and `total` count records, twice each where bodies are verified too. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface VerifyReport {
  readonly ok: boolean
  readonly problems: readonly Problem[]
  readonly origin: string | undefined
  /** Records that the newest checkpoint covers. */
  readonly size: number
  /** The root that the newest checkpoint signs, base64. */
  readonly root: string | undefined
  readonly checkpoints: number
  /** Names of the witnesses that cosigned this history; none means: unwitnessed. */
  readonly witnesses: readonly string[]
  /** How many records they saw; newer ones are unwitnessed. */
  readonly witnessedSize: number
  /** How many witnesses are trusted: those that have cosigned, and those that have not. */
  readonly trusted: number
  /** Where the log went on under a new name, the oldest first. */
  readonly continued: readonly ContinuedLog[]
  /** Records in the file that no checkpoint covers yet. */
  readonly uncovered: number
  /** Missing where bodies were not looked at: over HTTP, or without the key. */
  readonly bodies?: { readonly readable: number; readonly erased: number }
}

/** A restore that the log itself speaks of. */
export interface ContinuedLog {
  /** The name from there on. */
  readonly origin: string
  /** Index of the first record under it, which says why. */
  readonly first: number
  /** The last checkpoint known of what came before. What it covers beyond `first` is lost. */
  readonly after?: { readonly origin: string; readonly size: number }
}

/**
 * Verifies a log from the first record: leaves against tiles, tiles against the signed checkpoints, and with a file and
 * its key also bodies, columns and search index. What is wrong is in `problems`, by name; it throws only where the
 * source can't be read at all.
 */
export async function verifyLog(source: LogSource, options: VerifyOptions): Promise<VerifyReport> {
  const problems = new Problems()
  const found = await source.checkpoints()
  if (found.length === 0) problems.add({ part: 'log', message: 'the log has no checkpoint' })
  const checkpoints = found.flatMap((one) => verifyOne(one, options, problems) ?? [])
  checkOrder(checkpoints, problems)
  const origins = await source.origins()
  const continued = continuedOf(origins, options, problems)
  checkFirsts(checkpoints, origins, problems)
  const kept = (options.kept ?? [])
    .flatMap((note) => verifyOne({ note }, options, problems) ?? [])
    .filter((one) => !isLost(one, origins, problems))
  const newest = checkpoints[checkpoints.length - 1]
  if (newest !== undefined && options.origin !== undefined && newest.origin !== options.origin) {
    const message = `the log signs as \`${newest.origin}\`, not as \`${options.origin}\``
    problems.add({ part: 'log', message })
  }

  const size = newest?.size ?? 0
  const total = size * (source.contents === undefined ? 1 : 2)
  let reported = performance.now()
  const parts = { tree: 0, contents: 0 }
  const progress = (part: keyof typeof parts, records: number): void => {
    parts[part] = records
    const done = parts.tree + parts.contents
    if (performance.now() - reported < PROGRESS_EVERY && done < total) return
    reported = performance.now()
    options.onProgress?.(done, total)
  }
  const seen = witnessedOf(options, newest, problems)
  const sizes = new Set([...checkpoints, ...kept, ...seen].map((checkpoint) => checkpoint.size))
  // Beside the tree, which leaves other threads free.
  const beside = source.contents?.(size, (done) => progress('contents', Math.min(done, size)))
  beside?.catch(() => {}) // told where it is awaited
  const { roots } = await verifyTree(source, size, newest?.root, sizes, problems, async (done) => {
    progress('tree', done)
    if (done % YIELD_EVERY === 0) await new Promise((resolve) => setImmediate(resolve))
  })
  checkRoots(checkpoints, roots, 'the checkpoint', problems)
  checkRoots(kept, roots, 'the checkpoint kept from earlier', problems)
  checkRoots(seen, roots, 'the checkpoint that witnesses cosigned', problems)
  const last = seen[seen.length - 1]

  const contents = await beside
  for (const problem of contents?.problems ?? []) problems.add(problem)
  return {
    ok: problems.count === 0,
    problems: problems.list(),
    origin: newest?.origin,
    size,
    root: newest && Buffer.from(newest.root).toString('base64'),
    checkpoints: found.length,
    witnesses: last === undefined ? [] : witnessesOf(last, options.witnesses ?? []),
    witnessedSize: last?.size ?? 0,
    trusted: new Set(options.witnesses?.map(({ name }) => name)).size,
    continued,
    uncovered: contents?.uncovered ?? 0,
    ...(contents?.bodies === undefined ? {} : { bodies: contents.bodies }),
  }
}

const PROGRESS_EVERY = 100
const YIELD_EVERY = 4096

function verifyOne(
  { note, size, origin }: FoundCheckpoint,
  { verifiers, witnesses = [] }: VerifyOptions,
  problems: Problems,
): VerifiedCheckpoint | undefined {
  const add = (message: string): void => problems.add({ part: 'checkpoint', size: size ?? 0, message })
  const named = size === undefined ? 'the checkpoint' : `the checkpoint of size ${size}`
  let checkpoint: VerifiedCheckpoint
  try {
    // Names of keys follow the origin: a log that goes on under a new one signs under that name.
    checkpoint = verifyCheckpoint(note, [...verifiers, ...witnesses])
  } catch (error) {
    add(`${named} is not one that the log signed: ${errorText(error)}`)
    return undefined
  }
  const { signatures } = checkpoint.note
  const isBy = (verifier: Verifier) => signatures.some((one) => one.id === verifier.id && one.name === verifier.name)
  const mine = verifiers.filter((verifier) => verifier.name === checkpoint.origin)
  if (mine.length === 0 || !mine.every(isBy)) add(`${named} lacks a signature of the log`)
  if (size !== undefined && signatures.length !== parseNote(note).signatures.length) {
    add(`${named} has a signature of an unknown key`)
  }
  if (size !== undefined && checkpoint.size !== size) add(`${named} says that it is of size ${checkpoint.size}`)
  if (origin !== undefined && checkpoint.origin !== origin) add(`${named} is of the log \`${checkpoint.origin}\``)
  return checkpoint
}

/** The restores that the log speaks of, as far as its own signatures bear them out. */
function continuedOf(origins: readonly LogOrigin[], options: VerifyOptions, problems: Problems): ContinuedLog[] {
  return origins.slice(1).map(({ origin, first, after }) => {
    const last = after === undefined ? undefined : verifyOne({ note: after }, options, problems)
    return { origin, first, ...(last === undefined ? {} : { after: { origin: last.origin, size: last.size } }) }
  })
}

/** Every checkpoint must lie between the records at which its name began and ended. */
function checkFirsts(
  checkpoints: readonly VerifiedCheckpoint[],
  origins: readonly LogOrigin[],
  problems: Problems,
): void {
  for (const { origin, size } of checkpoints) {
    const at = origins.findIndex((one) => one.origin === origin)
    const [mine, next] = [origins[at], origins[at + 1]]
    if (mine === undefined) continue // a log of others does not say
    if (size >= mine.first && (next === undefined || size <= next.first)) continue
    const message = `the checkpoint of size ${size} is not of the records that were signed as \`${origin}\``
    problems.add({ part: 'checkpoint', size, message })
  }
}

/** A checkpoint that was kept from before a restore, of records that were lost with it. */
function isLost({ origin, size }: VerifiedCheckpoint, origins: readonly LogOrigin[], problems: Problems): boolean {
  const at = origins.findIndex((one) => one.origin === origin)
  const next = at < 0 ? undefined : origins[at + 1]
  if (next === undefined || size <= next.first) return false
  const message =
    `the checkpoint kept from earlier of size ${size} covers records that are lost: \`${origin}\` was restored to ` +
    `${next.first} records, and went on as \`${next.origin}\``
  problems.add({ part: 'checkpoint', size, message })
  return true
}

// Ordered by the origins' age, sizes must rise too.
function checkOrder(checkpoints: readonly VerifiedCheckpoint[], problems: Problems): void {
  for (const [i, checkpoint] of checkpoints.entries()) {
    const before = checkpoints[i - 1]
    if (before !== undefined && before.size > checkpoint.size) {
      const message = `the checkpoint of size ${checkpoint.size} comes after one of size ${before.size}`
      problems.add({ part: 'checkpoint', size: checkpoint.size, message })
    }
  }
}

function checkRoots(
  checkpoints: readonly VerifiedCheckpoint[],
  roots: ReadonlyMap<number, Uint8Array>,
  what: string,
  problems: Problems,
): void {
  let agreed = 0
  for (const { size, root } of checkpoints) {
    const found = roots.get(size)
    if (found !== undefined && equalHashes(found, root)) {
      agreed = size
      continue
    }
    // Where records were named already, the root can't agree and says nothing more.
    if (found !== undefined && problems.count > 0) return
    const message =
      found === undefined
        ? `${what} of size ${size} covers more records than the log has`
        : `${what} of size ${size} signs other records: something between ${agreed} and ${size - 1} was rewritten`
    problems.add({ part: 'checkpoint', size, message })
    return
  }
}

/** What most of the witnesses that we trust have cosigned: the newest checkpoint itself, else the one kept for it. */
function witnessedOf(
  options: VerifyOptions,
  newest: VerifiedCheckpoint | undefined,
  problems: Problems,
): readonly VerifiedCheckpoint[] {
  const { witnesses = [], witnessed, quorum = 0 } = options
  const count = (one: VerifiedCheckpoint | undefined) => (one === undefined ? 0 : witnessesOf(one, witnesses).length)
  // One of an earlier origin says nothing about what was signed since.
  const isKept = witnessed !== undefined && parseCheckpoint(witnessed).origin === newest?.origin
  const kept =
    isKept && witnesses.length > 0 && count(newest) < Math.max(1, quorum)
      ? verifyOne({ note: witnessed }, options, problems)
      : undefined
  const best = count(kept) > count(newest) ? kept : newest
  if (count(best) < quorum) {
    const message = `${count(best)} of the witnesses that are trusted have cosigned this history, not ${quorum}`
    problems.add({ part: 'log', message })
  }
  return best === undefined || count(best) === 0 ? [] : [best]
}

function witnessesOf({ note }: VerifiedCheckpoint, witnesses: readonly Verifier[]): string[] {
  const known = witnesses.filter(({ name, id }) => note.signatures.some((one) => one.name === name && one.id === id))
  return [...new Set(known.map(({ name }) => name))]
}
