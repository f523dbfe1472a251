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
  const lengths = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0))
  const at = (row: number, column: number): number => lengths[row]?.[column] ?? 0
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      const same = before[row] === after[column]
      const cells = lengths[row]
      if (cells === undefined) continue
      cells[column] = same ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const changes: string[] = []
  let [row, column] = [0, 0]
  while (row < before.length || column < after.length) {
    if (row < before.length && column < after.length && before[row] === after[column]) {
      changes.push(` ${before[row]}`)
      row++
      column++
    } else if (row < before.length && (column === after.length || at(row + 1, column) >= at(row, column + 1))) {
      changes.push(`-${before[row]}`)
      row++
    } else {
      changes.push(`+${after[column]}`)
      column++
    }
  }
  return changes
}
