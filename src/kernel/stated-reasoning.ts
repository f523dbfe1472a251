/**
 * What an agent or its model gave as its reasons, as the record takes it: without control characters but for line ends
 * and tabs, 4096 characters at most (what is longer is cut, and ends in `…`). `undefined` where nothing is left.
 */
export function statedReasoning(given: string): string | undefined {
  // Looked at only as far as it can be kept.
  const text = given
    .slice(0, 2 * MOST)
    .toWellFormed()
    .replace(CONTROL, ' ')
    .trim()
  if (text === '') return undefined
  return text.length <= MOST ? text : `${text.slice(0, MOST - 1).toWellFormed()}…`
}

const MOST = 4096
const CONTROL = /(?:(?![\n\t])\p{Cc})+/gu
