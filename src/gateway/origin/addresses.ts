import { domainToASCII } from 'node:url'
import { foldCase } from './clean-text.ts'

export type AddressKind = 'url' | 'email' | 'iban' | 'host' | 'number'

/** Something that says where an effect goes. Two that reach the same place have the same `canonical`. */
export interface Address {
  readonly kind: AddressKind
  readonly canonical: string
  /** As it was written. */
  readonly text: string
  readonly start: number
  readonly end: number
}

/**
 * Every address in a text (see `cleanText`), none inside of another: first URLs, in what is left mail addresses, then
 * account numbers, hosts, and long numbers however they are grouped. `devil@x.com` holds no `evil@x.com`.
 * Takes time in proportion to the text, whatever stands in it.
 */
export function findAddresses(text: string): readonly Address[] {
  const found: Address[] = []
  let rest = text
  for (const [kind, find] of FINDERS) {
    const spans = find(rest)
    if (spans.length === 0) continue
    for (const { start, end, canonical } of spans) {
      found.push({ kind, canonical: `${kind}:${canonical}`, text: rest.slice(start, end), start, end })
    }
    rest = blank(rest, spans)
  }
  return found.sort((a, b) => a.start - b.start)
}

/** The host of an address, as an address of its own; `undefined` where it has none. */
export function hostOf(address: Address): string | undefined {
  if (address.kind === 'email') return `host:${address.canonical.slice(address.canonical.lastIndexOf('@') + 1)}`
  if (address.kind !== 'url') return undefined
  const host = URL.parse(address.canonical.slice('url:'.length))?.hostname
  return host === undefined || host === '' ? undefined : `host:${host}`
}

/**
 * What else somebody has named who wrote this address: the secure form of a plain URL, the host of a URL, the URLs of a
 * host. Never more than the writer meant: a mail address does not name its host, an `https` URL not the `http` one.
 */
export function alsoNamed(address: Address): readonly string[] {
  if (address.kind === 'host') {
    const host = address.canonical.slice('host:'.length)
    // Who speaks of `readme.md` means a file, whoever has registered that name.
    if (FILE_LIKE.test(host)) return []
    return [`url:https://${host}/`, `url:http://${host}/`]
  }
  if (address.kind !== 'url') return []
  const host = hostOf(address)
  const other = isSchemeless(address.text)
    ? address.canonical.replace(/^url:https:/, 'url:http:')
    : address.canonical.replace(/^url:http:/, 'url:https:')
  return host === undefined ? [other] : [other, host]
}

// Top-level domains that people know as ends of file names.
const FILE_LIKE = /\.(?:md|py|sh|rs|zip|mov|so|ps|ml|mm|hs|tf|pub|bz|cc)$/

interface Span {
  readonly start: number
  readonly end: number
  readonly canonical: string
}

const LABEL = '[\\p{L}\\p{N}\\p{M}_](?:[\\p{L}\\p{N}\\p{M}_-]{0,61}[\\p{L}\\p{N}\\p{M}_])?'
const DOTTED = `${LABEL}(?:\\.${LABEL})+`
const WORD = /[\p{L}\p{N}\p{M}]/u

const FINDERS: readonly (readonly [AddressKind, (text: string) => readonly Span[]])[] = [
  ['url', findUrls],
  ['email', findMails],
  ['iban', findAccounts],
  ['host', findHosts],
  ['number', findNumbers],
]

// What a URL cannot hold unencoded ends it; so does the backslash, of which parsers do not agree whether it ends the host.
const IN_URL = '[^\\s<>"`{}|\\\\^]'
const URLS = new RegExp(
  `(?<![\\p{L}\\p{N}+.@-])[a-z][a-z0-9+.-]{0,30}:\\/\\/${IN_URL}+|` +
    `(?<![\\p{L}\\p{N}\\p{M}@.:/_%+-])${DOTTED}(?::\\d{1,5})?\\/${IN_URL}*`,
  'giu',
)

function findUrls(text: string): readonly Span[] {
  if (!text.includes('/')) return []
  return [...text.matchAll(URLS)].flatMap((match) => {
    const written = trimUrl(match[0])
    const canonical = canonicalUrl(written)
    return canonical === '' ? [] : [{ start: match.index, end: match.index + written.length, canonical }]
  })
}

const canonicalUrl = remembered((written) => {
  const url = URL.parse(isSchemeless(written) ? `https://${written}` : written)
  if (url === null || url.host === '') return ''
  url.hostname = url.hostname.replace(/\.$/, '')
  return url.href
})

const canonicalHost = remembered(domainToASCII)

/** The same addresses come again and again: in every reading of a text, and in every text of a conversation. */
function remembered(canonicalOf: (written: string) => string): (written: string) => string {
  const known = new Map<string, string>()
  return (written) => {
    const found = known.get(written)
    if (found !== undefined) return found
    const canonical = canonicalOf(written)
    if (known.size >= 20_000) known.clear()
    if (written.length <= 200) known.set(written, canonical)
    return canonical
  }
}

function isSchemeless(url: string): boolean {
  return !/^[a-z][a-z0-9+.-]*:\/\//i.test(url)
}

/** Without the punctuation of the sentence around it; a closing bracket stays where it was opened inside. */
function trimUrl(text: string): string {
  const opened = { ')': text.indexOf('('), ']': text.indexOf('[') }
  let end = text.length
  while (end > 0) {
    const last = text.charAt(end - 1)
    if (last === ')' || last === ']' ? opened[last] >= 0 && opened[last] < end : !/[.,;:!?'*_~]/.test(last)) break
    end--
  }
  return text.slice(0, end)
}

const IN_LOCAL = /[\p{L}\p{N}\p{M}.!#$%&'*+/=?^_`{|}~-]/u
const MAIL_HOST = new RegExp(`${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f.:]{2,45}\\]`, 'iuy')
const MAX_LOCAL = 128

function findMails(text: string): readonly Span[] {
  const found: Span[] = []
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    MAIL_HOST.lastIndex = at + 1
    const host = MAIL_HOST.exec(text)?.[0]
    if (host === undefined) continue
    const floor = found.at(-1)?.end ?? 0
    let start = at
    while (start > floor && at - start <= MAX_LOCAL && IN_LOCAL.test(characterBefore(text, start))) {
      start -= characterBefore(text, start).length
    }
    // A longer mailbox name than any: not an address, and its end must not be taken for one.
    if (at - start > MAX_LOCAL) continue
    const end = at + 1 + host.length
    start = skipMarks(text, start, at, end, floor > 0 && start === floor)
    const canonical = host.startsWith('[') ? foldCase(host) : canonicalHost(host)
    if (start < at && canonical !== '') {
      found.push({ start, end, canonical: `${foldCase(text.slice(start, at))}@${canonical}` })
    }
  }
  return found
}

/**
 * Quotes, emphasis and separators may be part of a mailbox name by RFC 5322, but at its beginning they belong to the
 * sentence where the mark is closed behind the address (`'a@b'`, `*a@b*`) or another address ends there (`a@b/c@d`).
 */
function skipMarks(text: string, from: number, at: number, end: number, afterAddress: boolean): number {
  let start = from
  let close = end
  while (start < at) {
    const mark = text.charAt(start)
    const closed = /['*_`~|{]/.test(mark) && text.charAt(close) === (mark === '{' ? '}' : mark)
    if (closed) close++
    else if (mark !== '.' && !(afterAddress && start === from && /[/|&=]/.test(mark))) break
    start++
  }
  return start
}

function characterBefore(text: string, index: number): string {
  const unit = text.charCodeAt(index - 1)
  return unit >= 0xdc00 && unit <= 0xdfff && index > 1 ? text.slice(index - 2, index) : text.charAt(index - 1)
}

const ACCOUNTS =
  /(?<![\p{L}\p{N}])(?:[A-Za-z]{2}\d{2}[A-Za-z0-9]{10,30}|[A-Z]{2}\d{2}(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?)(?![\p{L}\p{N}@])/gu

/** IBANs and what looks like one. Where a word follows in capitals, the check digits say where the number ends. */
function findAccounts(text: string): readonly Span[] {
  return [...text.matchAll(ACCOUNTS)].map((match) => {
    let written = match[0]
    for (let shorter = written; shorter.length > 14; shorter = shorter.slice(0, -1)) {
      if (!WORD.test(match[0].charAt(shorter.length)) && hasValidCheck(compact(shorter))) {
        written = shorter
        break
      }
    }
    return { start: match.index, end: match.index + written.length, canonical: compact(written) }
  })
}

function compact(account: string): string {
  return account.replace(/[ -]/g, '').toUpperCase()
}

/** ISO 13616: the number, its first four characters moved to the end and letters read as 10 to 35, is 1 modulo 97. */
function hasValidCheck(account: string): boolean {
  let rest = 0
  for (const character of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

const HOSTS = new RegExp(`(?<![\\p{L}\\p{N}\\p{M}@._-])${DOTTED}(?![\\p{L}\\p{N}\\p{M}@_])`, 'giu')

function findHosts(text: string): readonly Span[] {
  if (!text.includes('.')) return []
  return [...text.matchAll(HOSTS)].flatMap((match) => {
    const canonical = canonicalHost(match[0])
    return canonical === '' ? [] : [{ start: match.index, end: match.index + match[0].length, canonical }]
  })
}

const NUMBERS = /(?<![\p{L}\p{N}@._-])\+?\(?\d(?:[ ()./-]{0,2}\d){5,}(?![\p{L}\p{N}@_])/gu

/** Telephone, account and card numbers. */
function findNumbers(text: string): readonly Span[] {
  return [...text.matchAll(NUMBERS)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    canonical: match[0].replace(/\D/g, ''),
  }))
}

function blank(text: string, spans: readonly Span[]): string {
  let result = ''
  let at = 0
  for (const { start, end } of spans) {
    result += text.slice(at, start) + ' '.repeat(end - start)
    at = end
  }
  return result + text.slice(at)
}
