import { type Address, findAddresses, hostOf } from './addresses.ts'
import { cleanText, isPlain } from './clean-text.ts'
import type { Conversation, Sight } from './conversation.ts'
import { decodeEntities, decodePercent, decodeQuotedPrintable, readings } from './encodings.ts'
import { spelledNumbers } from './spelled-numbers.ts'

/** Where a value came from; `model`: from nowhere, or put together. `server`: whose content it was. */
export interface ValueOrigin {
  readonly kind: 'user' | 'system' | 'trusted' | 'untrusted' | 'model'
  readonly server: string | undefined
}

/**
 * Where the parts of a value came from, each of which counts: one for a plain value, one for each address of a list.
 * Empty for a value that says nothing (`null`, an empty text).
 */
export function valueOrigins(
  value: string | number | boolean | null,
  conversation: Conversation,
): readonly ValueOrigin[] {
  switch (typeof value) {
    case 'string':
      return value.trim() === '' ? [] : textOrigins(value, conversation)
    case 'number':
      return [numberOrigin(value, conversation)]
    case 'boolean':
      return [conversation.sightOfText(String(value)) ?? unknown(conversation)]
    default:
      return []
  }
}

function numberOrigin(value: number, conversation: Conversation): ValueOrigin {
  const said = earliest(spelledNumbers(value).map((text) => conversation.sightOfText(text)))
  // An account or telephone number.
  const named = Number.isSafeInteger(value) ? conversation.sightOfAddress(`number:${Math.abs(value)}`) : undefined
  return (named?.kind === 'untrusted' ? earliest([said, named]) : said) ?? unknown(conversation)
}

function textOrigins(value: string, conversation: Conversation): readonly ValueOrigin[] {
  const origins = statedOrigins(value, conversation)
  // INVARIANT: an address that untrusted content brought up is never hidden by an encoding or the text around it.
  return [...origins, ...hiddenOrigins(value, conversation)]
}

function statedOrigins(value: string, conversation: Conversation): readonly ValueOrigin[] {
  // What is not plain may be read differently upstream than here: only the very same writing vouches for it.
  if (!isPlain(value)) return [conversation.sightOfText(value) ?? unknown(conversation)]
  const text = unwrapMailto(cleanText(value)).replace(/\s+/g, ' ')
  const addresses = addressesOfList(text)
  if (addresses !== undefined) return addresses.map((address) => addressOrigin(address, conversation))
  const whole = conversation.sightOfText(text)
  if (whole !== undefined) return [whole]
  for (const decode of [decodePercent, decodeEntities, decodeQuotedPrintable]) {
    const decoded = decode(text)
    const inside = decoded !== text && isPlain(decoded) ? addressesOfList(cleanText(decoded)) : undefined
    if (inside !== undefined) return inside.map((address) => addressOrigin(address, conversation))
  }
  const items = text.split(/ ?[,;] ?/).filter((item) => item !== '')
  if (items.length < 2 || items.length > MAX_ITEMS) return [unknown(conversation)]
  return items.map((item) => conversation.sightOfText(item) ?? unknown(conversation))
}

function hiddenOrigins(value: string, conversation: Conversation): readonly ValueOrigin[] {
  const found: ValueOrigin[] = []
  for (const reading of readings(value).map(cleanText)) {
    // `?bcc=eve@evil.co` is a mailbox name by RFC 5322 and a field for everybody else.
    const fields = findAddresses(reading.replace(/[=&?#!|/:]/g, ' ')).filter(({ kind }) => kind === 'email')
    for (const address of [...findAddresses(reading), ...fields]) {
      const sight = conversation.sightOfAddress(address.canonical)
      if (sight?.kind === 'untrusted') found.push(sight)
    }
  }
  return found
}

function addressOrigin(address: Address, conversation: Conversation): ValueOrigin {
  const byName = conversation.sightOfAddress(address.canonical)
  // Groups of digits may stand in a sentence in other company; a URL or a mail address is only said as a whole.
  const byText =
    address.kind === 'iban' || address.kind === 'number'
      ? conversation.sightOfText(address.text)
      : conversation.suspiciousSightOfText(address.text)
  const sight = earliest([byName, byText])
  if (sight !== undefined) return sight
  const host = hostOf(address)
  const hostSight = host === undefined ? undefined : conversation.ownSightOfAddress(host)
  return hostSight?.kind === 'untrusted' ? hostSight : unknown(conversation)
}

/** RFC 6068: the mailboxes are in the path and in the fields `to`, `cc` and `bcc`. */
function unwrapMailto(text: string): string {
  const match = /^mailto:([^?]*)(?:\?(.*))?$/is.exec(text)
  if (match === null) return text
  const [, path = '', query = ''] = match
  const fields = query.split('&').map((field) => field.split('='))
  const named = fields
    .filter(([name = '']) => /^(?:to|cc|bcc)$/i.test(decodePercent(name)))
    .map(([, ...rest]) => rest.join('='))
  const known = fields.every(([name = '']) => /^(?:to|cc|bcc|subject|body|)$/i.test(decodePercent(name)))
  return known
    ? [path, ...named]
        .filter((part) => part !== '')
        .map(decodePercent)
        .join(', ')
    : text
}

/**
 * The addresses of a text that holds nothing else than addresses: separated, quoted, each with the name of whom it
 * reaches (`Bob <bob@x.co>, eve@x.co (Eve)`). `undefined` for any other text.
 */
function addressesOfList(text: string): readonly Address[] | undefined {
  const addresses = findAddresses(text)
  if (addresses.length === 0 || text.includes(MARK)) return undefined
  let marked = ''
  let at = 0
  for (const { start, end } of addresses) {
    marked += text.slice(at, start) + MARK
    at = end
  }
  marked += text.slice(at)
  const items = marked.replace(/"[^"<>]*"(?=\s*<)/g, '').split(/[,;]/)
  return items.every((item) => LIST_ITEM.test(item.trim())) ? addresses : undefined
}

const MARK = '\ue000'
// Nothing; addresses side by side, perhaps quoted; names before addresses in angle brackets; an address before a comment.
const LIST_ITEM =
  /^(?:|["'([<]*\ue000["')\]>.]*|[\ue000\s|/&]+|(?:[^<>@:=%\\()\ue000]*<\s*\ue000\s*>)+|\ue000\s*\([^()@\ue000]*\))$/u
const MAX_ITEMS = 100

/** A value that was never seen. Where a part of the conversation is missing, that part may have been the origin. */
function unknown(conversation: Conversation): ValueOrigin {
  return { kind: conversation.complete ? 'model' : 'untrusted', server: undefined }
}

function earliest(sights: readonly (Sight | undefined)[]): Sight | undefined {
  return sights.reduce(
    (first, next) => (first === undefined || (next !== undefined && next.order < first.order) ? next : first),
    undefined,
  )
}
