/** A line that only one side has, or both. */
interface DiffLine {
  readonly sign: '-' | '+' | ' '
  readonly text: string
}

/** Pairs of lines that are compared at most; beyond, everything counts as replaced. */
const MOST = 4_000_000
/** Lines shown around a change. */
const AROUND = 2

/** What was changed in a text, line by line, with a little of what is around it. Empty for the same text. */
export function lineDiff(before: string, after: string): readonly string[] {
  if (before === after) return []
  const lines = diffLines(linesOf(before), linesOf(after))
  const near = lines.map((_, at) => lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(isChange))
  return lines.flatMap((line, at) => {
    if (near[at] !== true) return near[at - 1] === true ? ['…'] : []
    return [`${line.sign} ${line.text}`]
  })
}

function isChange({ sign }: DiffLine): boolean {
  return sign !== ' '
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function diffLines(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  let start = 0
  while (start < Math.min(before.length, after.length) && before[start] === after[start]) start++
  let end = 0
  while (end < Math.min(before.length, after.length) - start && before.at(-1 - end) === after.at(-1 - end)) end++
  const old = before.slice(start, before.length - end)
  const fresh = after.slice(start, after.length - end)
  const same = (text: string): DiffLine => ({ sign: ' ', text })
  return [
    ...before.slice(0, start).map(same),
    ...(old.length * fresh.length > MOST ? replaced(old, fresh) : leastChange(old, fresh)),
    ...before.slice(before.length - end).map(same),
  ]
}

function replaced(old: readonly string[], fresh: readonly string[]): readonly DiffLine[] {
  return [
    ...old.map((text): DiffLine => ({ sign: '-', text })),
    ...fresh.map((text): DiffLine => ({ sign: '+', text })),
  ]
}

/** By the longest common subsequence. */
function leastChange(old: readonly string[], fresh: readonly string[]): readonly DiffLine[] {
  const width = fresh.length + 1
  // How much the rests from here on have in common.
  const common = new Uint32Array((old.length + 1) * width)
  const at = (i: number, j: number): number => common[i * width + j] ?? 0
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      common[i * width + j] = old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < fresh.length) {
    const [gone = '', come = ''] = [old[i], fresh[j]]
    if (i < old.length && j < fresh.length && gone === come) {
      lines.push({ sign: ' ', text: gone })
      i++
      j++
    } else if (i < old.length && (j === fresh.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: gone })
      i++
    } else {
      lines.push({ sign: '+', text: come })
      j++
    }
  }
  return lines
}
