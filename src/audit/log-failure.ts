import { errorText } from '../kernel/index.ts'
import { AuditError } from './errors.ts'

/** Thrown where nothing was changed yet: the same LogFile can be tried again. Everything else means: open it anew. */
export class NotBegun extends Error {}

/** Thrown where something was written, and is perhaps not on disk. */
export class NotSynced extends Error {}

/** Thrown, before anything was changed, where somebody else has written to the file since it was opened. */
export class Outdated extends Error {}

/** What callers are told of whatever a LogFile has thrown. */
export function describeFailure(error: unknown): AuditError {
  const cause = error instanceof NotBegun || error instanceof NotSynced ? error.cause : error
  if (cause instanceof AuditError) return cause
  const code = sqliteCode(cause)
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) {
    return new AuditError('log_corrupt', 'the log is damaged', { detail: errorText(cause), cause })
  }
  return unavailable(errorText(cause), cause)
}

/** Whether after this nobody knows what of the file is on the disk. */
export function leavesInDoubt(error: unknown): boolean {
  return error instanceof NotSynced || sqliteCode(error) === SQLITE_IOERR
}

export function unavailable(detail: string, cause?: unknown): AuditError {
  return new AuditError('log_unavailable', 'the log cannot be written', { detail, cause })
}

const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined
  // The low byte is the primary code.
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}
