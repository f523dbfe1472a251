/**
 * The texts that a reader of this one may see: itself; itself without JSON escapes; and with every encoding undone, JSON
 * and YAML escapes, percent-encoding and HTML entities, up to three deep; that last one also without quoted-printable,
 * and without the spelling of `evil [at] x [dot] co`. Each form appears once, the text itself first. At most five, however
 * the encodings are nested: looking through them is what a hostile text could make expensive.
 */
export function readings(text: string): readonly string[] {
  let plain = text
  for (let depth = 0; depth < 3; depth++) {
    const next = decodeEntities(decodePercent(unescapeJson(unfoldYaml(plain))))
    if (next === plain) break
    plain = next
  }
  return [...new Set([text, unescapeJson(text), plain, decodeQuotedPrintable(plain), unspellAddresses(plain)])]
}

/** Without the escapes of JSON strings: `\n`, `\"`, `\u0040`. Text that has none comes back unchanged. */
export function unescapeJson(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(["\\/bfnrt]))/g, (_, unicode, hex, short) =>
    short === undefined ? String.fromCharCode(Number.parseInt(unicode ?? hex, 16)) : (SHORT_ESCAPES[short] ?? short),
  )
}

/** Percent-decoding that leaves alone what is not valid UTF-8. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      return run
    }
  })
}

export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#[xX]([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-zA-Z]{2,10}));?/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole
    const point = hex === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hex, 16)
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

/** RFC 2045 §6.7: soft line breaks vanish, `=40` is a byte. */
export function decodeQuotedPrintable(text: string): string {
  if (!/=(?:[0-9A-Fa-f]{2}|[ \t]*\r?\n)/.test(text)) return text
  return text
    .replace(/=[ \t]*\r?\n/g, '')
    .replace(/(?:=[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('=', ''), 'hex').toString('utf8'))
}

/** YAML folds a double-quoted scalar as `\`, line break, indentation, `\`. */
function unfoldYaml(text: string): string {
  return text.includes('\\\n') ? text.replace(/\\\n[ \t]*(?:\\ )?/g, '') : text
}

function unspellAddresses(text: string): string {
  if (!/at|dot/i.test(text)) return text
  // One space for each run of them: patterns that begin with such a run would look at it from each of its characters.
  const spaced = text.replace(/\s+/g, ' ')
  const spelled = spaced
    .replace(/ ?[[({<] ?(?:at|@) ?[\])}>] ?/gi, '@')
    .replace(/ ?[[({<] ?(?:dot|\.) ?[\])}>] ?/gi, '.')
    .replace(/(\w) (?:at|AT) (\w[\w-]*(?:(?: (?:dot|DOT) |\.)[\w-]+)+)/g, '$1@$2')
    .replace(/(\w) (?:dot|DOT) (?=\w)/g, '$1.')
  return spelled === spaced ? text : spelled
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  commat: '@',
  period: '.',
  colon: ':',
  sol: '/',
  shy: '',
  ZeroWidthSpace: '',
  num: '#',
  plus: '+',
  hyphen: '-',
  dash: '-',
  lowbar: '_',
  equals: '=',
}
