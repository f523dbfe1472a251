/**
 * The texts that a reader of this one may see: itself, and what is left when JSON or YAML escapes, percent-encoding, HTML
 * entities, quoted-printable or spelled-out addresses (`evil [at] x [dot] co`) are decoded, in any nesting up to three
 * deep. Each form appears once, the text itself first.
 */
export function readings(text: string): readonly string[] {
  const found = new Set([text])
  let layer: readonly string[] = [text]
  for (let depth = 0; depth < 3 && layer.length > 0; depth++) {
    const next: string[] = []
    for (const form of layer) {
      for (const decode of DECODERS) {
        const decoded = decode(form)
        if (decoded === form || found.has(decoded) || found.size >= MAX_READINGS) continue
        found.add(decoded)
        next.push(decoded)
      }
    }
    layer = next
  }
  return [...found]
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
  return text
    .replace(/\s*[[({<]\s*(?:at|@)\s*[\])}>]\s*/gi, '@')
    .replace(/\s*[[({<]\s*(?:dot|\.)\s*[\])}>]\s*/gi, '.')
    .replace(/(\w) (?:at|AT) (\w[\w-]*(?:(?: (?:dot|DOT) |\.)[\w-]+)+)/g, '$1@$2')
    .replace(/(\w) (?:dot|DOT) (?=\w)/g, '$1.')
}

const DECODERS = [unfoldYaml, unescapeJson, decodePercent, decodeEntities, decodeQuotedPrintable, unspellAddresses]
const MAX_READINGS = 12
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
