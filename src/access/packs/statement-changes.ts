import { readMoulds } from '../../cedar/index.ts'
import type { PolicyFile } from '../layers.ts'

/** A policy that is there before or afterwards only, or that reads otherwise. */
export interface StatementChange {
  readonly id: string
  readonly file: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Each begins with `+`, `-` or a space. */
  readonly lines: readonly string[]
}

/** How the policies of a pack in use differ, statement by statement. */
export function statementChanges(
  before: readonly PolicyFile[],
  after: readonly PolicyFile[],
): readonly StatementChange[] {
  const [was, is] = [statementsIn(before), statementsIn(after)]
  const changes: StatementChange[] = []
  for (const [id, { file, lines }] of is) {
    const known = was.get(id)
    if (known === undefined) changes.push({ id, file, change: 'added', lines: lines.map((line) => `+${line}`) })
    else if (known.file !== file || known.lines.join('\n') !== lines.join('\n')) {
      changes.push({ id, file, change: 'changed', lines: lineChanges(known.lines, lines) })
    }
  }
  for (const [id, { file, lines }] of was) {
    if (!is.has(id)) changes.push({ id, file, change: 'removed', lines: lines.map((line) => `-${line}`) })
  }
  return changes
}

interface Statement {
  readonly file: string
  readonly lines: readonly string[]
}

function statementsIn(files: readonly PolicyFile[]): ReadonlyMap<string, Statement> {
  const found = new Map<string, Statement>()
  for (const { name, text } of files) {
    const lines = text.split('\n')
    const moulds = readMoulds({ name, text })
    for (const [index, { id, position }] of moulds.entries()) {
      const next = moulds[index + 1]?.position.line ?? lines.length + 1
      const own = lines.slice(position.line - 1, next - 1).join('\n')
      found.set(id, { file: name, lines: own.trimEnd().split('\n') })
    }
  }
  return found
}

/** Each line with `+`, `-` or a space before it; the longest common lines stay. */
export function lineChanges(before: readonly string[], after: readonly string[]): readonly string[] {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start++
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  const stays = (lines: readonly string[]): readonly string[] => lines.map((line) => ` ${line}`)
  return [
    ...stays(before.slice(0, start)),
    ...middleChanges(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...stays(before.slice(before.length - end)),
  ]
}

const MOST_CELLS = 4_000_000

function middleChanges(before: readonly string[], after: readonly string[]): readonly string[] {
  const removed = (lines: readonly string[]): readonly string[] => lines.map((line) => `-${line}`)
  const added = (lines: readonly string[]): readonly string[] => lines.map((line) => `+${line}`)
  if (before.length * after.length > MOST_CELLS) return [...removed(before), ...added(after)]
  const width = after.length + 1
  // How many lines the rests from here on have in common.
  const common = new Uint32Array((before.length + 1) * width)
  const at = (row: number, column: number): number => common[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      common[row * width + column] =
        before[row] === after[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const changes: string[] = []
  let [row, column] = [0, 0]
  while (row < before.length && column < after.length) {
    if (before[row] === after[column]) {
      changes.push(` ${before[row]}`)
      row++
      column++
    } else if (at(row + 1, column) >= at(row, column + 1)) changes.push(`-${before[row++]}`)
    else changes.push(`+${after[column++]}`)
  }
  return [...changes, ...removed(before.slice(row)), ...added(after.slice(column))]
}
