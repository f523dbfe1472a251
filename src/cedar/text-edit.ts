/** Puts `by` in the place of `text.slice(start, end)`. */
export interface TextEdit {
  readonly start: number
  readonly end: number
  readonly by: string
}

/** The text with all edits made; the same edit may be there twice. Throws `RangeError` where two of them overlap. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  let result = ''
  let at = 0
  for (const { start, end, by } of orderedEdits(edits)) {
    result += text.slice(at, start) + by
    at = end
  }
  return result + text.slice(at)
}

/** In the order of the text, each once. Throws `RangeError` where two of them overlap. */
export function orderedEdits(edits: readonly TextEdit[]): readonly TextEdit[] {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end || (a.by < b.by ? -1 : 1))
  const kept: TextEdit[] = []
  for (const edit of sorted) {
    const last = kept.at(-1)
    if (last === undefined || edit.start >= last.end) kept.push(edit)
    else if (edit.start !== last.start || edit.end !== last.end || edit.by !== last.by) {
      throw new RangeError(`two changes of the text from ${edit.start} to ${last.end}`)
    }
  }
  return kept
}

/** The edits that lead back: `applyEdits(applyEdits(text, edits), invertEdits(text, edits))` is the text. */
export function invertEdits(text: string, edits: readonly TextEdit[]): readonly TextEdit[] {
  let shift = 0
  return orderedEdits(edits).map(({ start, end, by }) => {
    const inverse = { start: start + shift, end: start + shift + by.length, by: text.slice(start, end) }
    shift += by.length - (end - start)
    return inverse
  })
}
