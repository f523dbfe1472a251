/** What stands in the place of `text.slice(start, end)`. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly by: string
}

/** The lines that edits change, as a diff shows them: `12 - before`, `12 + after`. The edits are in order. */
export function changedLines(text: string, edits: readonly Edit[]): readonly string[] {
  const shown: string[] = []
  let lineNumber = 1
  let counted = 0
  for (let first = 0; first < edits.length; ) {
    const edit = edits[first]
    if (edit === undefined) break
    const from = text.lastIndexOf('\n', edit.start - 1) + 1
    let to = endOfLine(text, edit.end)
    let last = first
    // Edits that touch the same lines are shown together.
    while ((edits[last + 1]?.start ?? Number.POSITIVE_INFINITY) < to) {
      last++
      to = endOfLine(text, edits[last]?.end ?? to)
    }
    lineNumber += text.slice(counted, from).split('\n').length - 1
    counted = from
    let after = ''
    let at = from
    for (const { start, end, by } of edits.slice(first, last + 1)) {
      after += text.slice(at, start) + by
      at = end
    }
    after += text.slice(at, to)
    const place = String(lineNumber).padStart(5)
    shown.push(
      ...text
        .slice(from, to)
        .split('\n')
        .map((line) => `${place} - ${line}`),
    )
    shown.push(...after.split('\n').map((line) => `${place} + ${line}`))
    first = last + 1
  }
  return shown
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}
