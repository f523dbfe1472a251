import { visible, visibleJson } from './visible.ts'

/** Where commands write. Data goes to `out`, everything else to `err`. */
export interface Output {
  /** Prints `value` as JSON with `--json`, else `text` for a person. */
  data(value: unknown, text: () => string): void
  /** One line of JSON, or of text; for streams. */
  line(value: unknown, text: () => string): void
  note(text: string): void
  readonly json: boolean
}

export function outputOf(json: boolean): Output {
  return {
    json,
    data: (value, text) => process.stdout.write(`${json ? visibleJson(value, 2) : visible(text())}\n`),
    line: (value, text) => process.stdout.write(`${json ? visibleJson(value) : visible(text())}\n`),
    note: (text) => process.stderr.write(`${visible(text)}\n`),
  }
}

/** Columns padded to their widest cell, two spaces between. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
