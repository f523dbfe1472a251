import { isIP } from 'node:net'

/** An IP address as 32-bit words: one for IPv4, four for IPv6. */
export interface Address {
  readonly family: 4 | 6
  readonly words: readonly number[]
}

/** All addresses that begin with the same bits. `prefix`: how many. */
export interface Network extends Address {
  readonly prefix: number
}

/** An address as text. One of IPv4 in IPv6 (RFC 4291 §2.5.5.2) is that IPv4 address; a zone is left out. */
export function parseAddress(text: string): Address | undefined {
  const plain = text.includes('%') ? text.slice(0, text.indexOf('%')) : text
  const family = isIP(plain)
  if (family === 4) return { family: 4, words: [wordOf(plain)] }
  if (family === 0) return undefined
  const words = wordsOf(plain)
  const [a, b, c, d = 0] = words
  return a === 0 && b === 0 && c === 0xffff ? { family: 4, words: [d] } : { family: 6, words }
}

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. What is no network is a sentence that says why. */
export function parseNetwork(text: string): Network | string {
  const [base = '', length, ...more] = text.split('/')
  const address = base.includes('%') || more.length > 0 ? undefined : parseAddress(base)
  if (address === undefined) return `\`${text}\` is no network`
  const { family, words } = address
  const size = words.length * 32
  if (length === undefined) return { ...address, prefix: size }
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return `\`${text}\` is no network`
  // The prefix of a mapped network counts the 96 bits before the IPv4 address.
  const prefix = Number(length) - (family === 4 && base.includes(':') ? 96 : 0)
  if (prefix < 0 || prefix > size) return `\`${text}\` is no network`
  if (prefix === 0) return `\`${text}\` is every address there is`
  const network = { family, words: masked(words, prefix), prefix }
  if (network.words.some((word, at) => word !== words[at])) {
    return `\`${text}\` has bits beyond its prefix; the network is \`${networkText(network)}\``
  }
  return network
}

/** The one text of a network; of a single address, without its prefix. */
export function networkText({ family, words, prefix }: Network): string {
  const base = family === 4 ? ipv4Text(words[0] ?? 0) : ipv6Text(words)
  return prefix === words.length * 32 ? base : `${base}/${prefix}`
}

/** The first bits, the rest zero. */
export function masked(words: readonly number[], prefix: number): readonly number[] {
  return words.map((word, at) => {
    const bits = Math.min(32, Math.max(0, prefix - at * 32))
    return bits === 0 ? 0 : (word & (0xffffffff << (32 - bits))) >>> 0
  })
}

function wordOf(ipv4: string): number {
  return ipv4.split('.').reduce((word, part) => word * 256 + Number(part), 0)
}

function wordsOf(ipv6: string): readonly number[] {
  const at = ipv6.lastIndexOf(':') + 1
  const last = ipv6.slice(at)
  const plain = last.includes('.') ? ipv6.slice(0, at) + halvesOf(wordOf(last)) : ipv6
  const [head = '', tail] = plain.split('::')
  const before = groupsOf(head)
  const after = groupsOf(tail ?? '')
  const gap = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...new Array<number>(gap).fill(0), ...after]
  return [0, 2, 4, 6].map((i) => (groups[i] ?? 0) * 0x10000 + (groups[i + 1] ?? 0))
}

function halvesOf(word: number): string {
  return `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`
}

function groupsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

function ipv4Text(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.')
}

/** RFC 5952: no leading zeros, the longest run of zeros as `::`. */
function ipv6Text(words: readonly number[]): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff])
  let [best, length] = [-1, 1]
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > length) [best, length] = [start, end - start]
  }
  const hex = (list: readonly number[]): string => list.map((group) => group.toString(16)).join(':')
  return best < 0 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + length))}`
}
