/** How people write a number: `30000`, `30,000`, `30.000`, `30 000`, `30'000`, with and without two decimals. */
export function spelledNumbers(value: number): readonly string[] {
  if (!Number.isFinite(value)) return []
  const plain = String(value)
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(plain)
  if (match === null) return [plain]
  const [, sign = '', whole = '', fraction] = match
  const grouped = GROUPS.map((mark) => whole.replace(/\B(?=(?:\d{3})+$)/g, mark))
  const fractions = fraction === undefined ? ['', '00'] : [fraction, ...(fraction.length === 1 ? [`${fraction}0`] : [])]
  const spellings = new Set([plain])
  for (const [index, text] of [whole, ...grouped].entries()) {
    for (const part of fractions) {
      if (part === '') spellings.add(sign + text)
      // The decimal mark is not the one that groups.
      for (const mark of ['.', ','])
        if (part !== '' && GROUPS[index - 1] !== mark) spellings.add(sign + text + mark + part)
    }
  }
  return [...spellings]
}

const GROUPS = [',', '.', ' ', "'"]
