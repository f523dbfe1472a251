import type { Problem } from './errors.ts'
import type { DetailedError } from './official.ts'

/** A place in a text. Both count from 1; columns are in UTF-16 code units, as editors count them. */
export interface SourcePosition {
  readonly source?: string
  readonly line: number
  readonly column: number
}

export interface Positions {
  /** The place of an offset in the text (UTF-16 code units). */
  at(offset: number): SourcePosition
  /** What the official implementation has to say about a part of the text that starts at `offset`. */
  problemsOf(
    errors: readonly DetailedError[],
    options?: { readonly offset?: number; readonly part?: string; readonly policy?: string },
  ): Problem[]
}

/** Finds lines and columns in a text. */
export function positionsIn(text: string, source?: string): Positions {
  let lineStarts: number[] | undefined
  const at = (offset: number): SourcePosition => {
    lineStarts ??= lineStartsOf(text)
    const line = lastAtMost(lineStarts, offset)
    return {
      ...(source === undefined ? {} : { source }),
      line: line + 1,
      column: offset - (lineStarts[line] ?? 0) + 1,
    }
  }
  return {
    at,
    problemsOf: (errors, { offset = 0, part = text, policy } = {}) =>
      errors.map((error) => {
        const location = error.sourceLocations?.[0]
        return {
          severity: error.severity === 'warning' || error.severity === 'advice' ? 'warning' : 'error',
          message: messageOf(error),
          ...(error.help === null ? {} : { help: error.help }),
          ...(policy === undefined ? {} : { policy }),
          ...(location !== undefined
            ? at(offset + fromUtf8(part, location.start))
            : source === undefined
              ? {}
              : { source }),
        }
      }),
  }
}

function messageOf(error: DetailedError): string {
  const label = error.sourceLocations?.[0]?.label
  const message = error.message.replace(/^failed to parse (?:policy|template|policies) from string: /, '')
  return label === undefined || label === null ? message : `${message}: ${label}`
}

function lineStartsOf(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function lastAtMost(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((sorted[middle] ?? 0) <= value) low = middle
    else high = middle - 1
  }
  return low
}

/** The official implementation counts bytes. */
function fromUtf8(text: string, bytes: number): number {
  return Buffer.from(text, 'utf8').subarray(0, bytes).toString('utf8').length
}

/** A place in a part of a text, as a place in the text that the part starts in at `start`. */
export function within(start: SourcePosition, { line, column }: SourcePosition): SourcePosition {
  return {
    ...(start.source === undefined ? {} : { source: start.source }),
    line: start.line + line - 1,
    column: line === 1 ? start.column + column - 1 : column,
  }
}
