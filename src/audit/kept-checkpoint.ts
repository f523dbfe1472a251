import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { createVerifier, equalHashes, parseCheckpoint, verifyCheckpoint } from '../translog/index.ts'
import type { LogFile } from './log-file.ts'
import type { LogKeys } from './log-keys.ts'

/** A checkpoint that lies beside the log's file, and outlives it there. */
export interface KeptCheckpoint {
  readonly note: string
  readonly size: number
}

/** The checkpoint of a note, where it is of the log's newest name and its history as the file has it. */
export function asOfFile(note: string, file: LogFile): KeptCheckpoint | undefined {
  try {
    const { origin, size, root } = parseCheckpoint(note)
    // Left from a later state or another history than this file's, it proves nothing about it.
    if (origin !== file.origin || size > file.size || !equalHashes(file.rootAt(size), root)) return undefined
    return { note, size }
  } catch {
    return undefined
  }
}

/**
 * The newest of these checkpoints of ours that the file does not lead to: it was restored, or cut off, since. Notes
 * that the log's own key has not signed say nothing.
 */
export function newestLost(notes: readonly string[], file: LogFile, keys: LogKeys): string | undefined {
  const names = file.origins().map(({ origin }) => origin)
  let lost: KeptCheckpoint | undefined
  for (const note of notes) {
    const checkpoint = ownCheckpoint(note, keys)
    // One from before the log went on under its newest name has been answered for.
    if (checkpoint === undefined || (names.includes(checkpoint.origin) && checkpoint.origin !== file.origin)) continue
    if (asOfFile(note, file) === undefined && checkpoint.size >= (lost?.size ?? 0)) lost = checkpoint
  }
  return lost?.note
}

export function readKept(path: string | undefined): string | undefined {
  return path === undefined || !existsSync(path) ? undefined : readFileSync(path, 'utf8')
}

/** Replaces the file as a whole. Without `durable` a power failure may bring an older one back. */
export function writeKept(path: string, note: string, options: { readonly durable: boolean }): void {
  const fd = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(fd, note)
    if (options.durable) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.new`, path)
}

function ownCheckpoint(note: string, keys: LogKeys) {
  try {
    const { origin } = parseCheckpoint(note)
    return { ...verifyCheckpoint(note, [createVerifier(origin, 'ed25519', keys.signer.publicKey)]), note }
  } catch {
    return undefined
  }
}
