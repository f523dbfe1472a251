import { hash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parseCheckpoint, type WitnessedState } from '../../translog/index.ts'
import { CliError } from '../errors.ts'

/** The newest checkpoint that a witness has cosigned, of every log: a file each. */
export interface WitnessState {
  /** `undefined` for a log that was never cosigned. Throws `usage` where its file cannot be understood. */
  of(origin: string): WitnessedState | undefined
  /** Durable when it returns. */
  keep(origin: string, checkpoint: string): void
}

/** One process only may have a directory open at a time: two would forget what the other has cosigned. */
export function openWitnessState(directory: string): WitnessState {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fileOf = (origin: string) => join(directory, `${hash('sha256', origin, 'hex')}.checkpoint`)
  return {
    of(origin) {
      const file = fileOf(origin)
      if (!existsSync(file)) return undefined
      try {
        const state = parseCheckpoint(readFileSync(file, 'utf8'))
        if (state.origin === origin) return { size: state.size, root: state.root }
      } catch {
        // Told below: a state that is broken must never pass for one that is not there.
      }
      throw new CliError('usage', `\`${file}\` does not hold what was cosigned last of \`${origin}\``)
    },
    keep(origin, checkpoint) {
      // INVARIANT: the file always holds one whole checkpoint, and the one it holds after a crash is not older than
      // any that was answered with a signature.
      const file = fileOf(origin)
      writeDurably(`${file}.new`, checkpoint)
      renameSync(`${file}.new`, file)
      const fd = openSync(directory, 'r')
      try {
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
    },
  }
}

function writeDurably(file: string, text: string): void {
  const fd = openSync(file, 'w', 0o600)
  try {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
