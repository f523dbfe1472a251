import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { equalHashes, parseCheckpoint } from '../translog/index.ts'
import type { LogFile } from './log-file.ts'

/** A checkpoint of ours with the cosignatures of witnesses. */
export interface WitnessedCheckpoint {
  readonly note: string
  readonly size: number
}

/** The checkpoint of a note, where it is of this log and its history as the file has it. */
export function asWitnessed(note: string, file: LogFile): WitnessedCheckpoint | undefined {
  try {
    const { origin, size, root } = parseCheckpoint(note)
    // Left from a later state or another history than this file's, it proves nothing about it.
    if (origin !== file.origin || size > file.size || !equalHashes(file.rootAt(size), root)) return undefined
    return { note, size }
  } catch {
    return undefined
  }
}

/** Reads the file beside the log; whoever copies both can show later that the log was witnessed. */
export function readWitnessed(path: string | undefined, file: LogFile): WitnessedCheckpoint | undefined {
  return path === undefined || !existsSync(path) ? undefined : asWitnessed(readFileSync(path, 'utf8'), file)
}

/** Replaces the file as a whole. */
export function writeWitnessed(path: string, { note }: WitnessedCheckpoint): void {
  const fd = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(fd, note)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.new`, path)
}
