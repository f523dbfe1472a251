import { hash } from 'node:crypto'
import { type Address, alsoNamed, findAddresses, hostOf } from './addresses.ts'
import { cleanText, foldCase, isPlain, literalText } from './clean-text.ts'
import { readings, unescapeJson } from './encodings.ts'
import { hasToken, type Strictness, separateScripts } from './token-boundary.ts'

/** Who brought a text into the conversation. `trusted` is said of a tool server by the operator. */
export interface Source {
  readonly kind: 'user' | 'system' | 'tool' | 'model'
  readonly server?: string | undefined
  readonly trusted?: boolean | undefined
}

/** Where something was seen first. */
export interface Sight {
  readonly kind: 'user' | 'system' | 'trusted' | 'untrusted'
  readonly server: string | undefined
  /** Position in the conversation: the smaller came first. */
  readonly order: number
}

/**
 * What was said in one conversation, in the order in which it arrived, so that for a value it can tell who said it first.
 *
 * Text that makes a value trustworthy (user, system, trusted tools) is read strictly: a value was said where it stands as
 * a whole token. Text that makes it suspicious is read loosely and in every decoding. What the model wrote is nobody's
 * word: it neither makes a value trustworthy nor takes away that the user names it later.
 */
export class Conversation {
  readonly #said: Statement[] = []
  readonly #addresses = new Map<string, Sight>()
  readonly #heard = { strict: new Set<string>(), loose: new Set<string>() }
  readonly #limit: number
  #waiting: Utterance[] = []
  #order = 0
  #size = 0
  /** Position of the first thing that was said and is not known. */
  #lostAt: number

  /** `limit` in characters kept. `complete` is false where an earlier part of the conversation has been forgotten. */
  constructor(limit: number, complete: boolean) {
    this.#limit = limit
    this.#lostAt = complete ? Number.POSITIVE_INFINITY : -1
  }

  /** Characters kept. */
  get size(): number {
    return this.#size
  }

  /**
   * Whether everything that was said is known. Once it is not, nobody's word makes a value trustworthy any more: it may
   * have stood in the part that is missing, said by somebody else.
   */
  get complete(): boolean {
    this.#listen()
    return this.#lostAt === Number.POSITIVE_INFINITY
  }

  /** Only takes note: what this costs is paid when something is asked. */
  observe(source: Source, parts: readonly string[]): void {
    if (source.kind === 'model') return
    const kind = source.kind === 'tool' ? (source.trusted === true ? 'trusted' : 'untrusted') : source.kind
    const strictness: Strictness = kind === 'untrusted' ? 'loose' : 'strict'
    const sight: Sight = { kind, server: source.kind === 'tool' ? source.server : undefined, order: this.#order++ }
    for (const text of parts) this.#hear({ sight, strictness, text })
    // Content items may cut through a value.
    if (strictness === 'loose' && parts.length > 1) this.#hear({ sight, strictness, text: parts.join('') })
  }

  /** Where this text was first said as a whole token. */
  sightOfText(text: string): Sight | undefined {
    const clean = cleanText(text)
    if (clean === '') return undefined
    this.#listen()
    const needle = { exact: clean, folded: foldCase(clean), foldable: !/\p{N}/u.test(clean) }
    const literal = isPlain(text) ? undefined : literalText(text)
    return this.#said.find((statement) => says(statement, needle, literal))?.sight
  }

  /** Where this text was first said by content that is not trusted. */
  suspiciousSightOfText(text: string): Sight | undefined {
    this.#listen()
    const folded = foldCase(cleanText(text))
    return this.#said.find(
      (statement) => statement.strictness === 'loose' && hasToken(statement.folded, folded, 'loose'),
    )?.sight
  }

  /** Where this address was first given, in whatever spelling. */
  sightOfAddress(canonical: string): Sight | undefined {
    this.#listen()
    return this.#addresses.get(canonical)
  }

  #hear(utterance: Utterance): void {
    const { strictness, text } = utterance
    if (strictness === 'strict' && this.#lostAt < utterance.sight.order) return
    // Clients send the whole history with every request: what was heard before changes nothing.
    const digest = hash('sha256', text, 'base64')
    if (this.#heard.loose.has(digest) || (strictness === 'strict' && this.#heard.strict.has(digest))) return
    if (!this.#takes(text.length + digest.length, utterance.sight)) return
    this.#heard[strictness].add(digest)
    this.#waiting.push(utterance)
  }

  #listen(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { sight, strictness, text } of waiting) {
      if (strictness === 'strict' && this.#lostAt < sight.order) continue
      const spoken = [...new Set([text, unescapeJson(text)].map(cleanText))]
      // Trustworthy text is compared exactly as well.
      const cost = spoken.reduce((sum, form) => sum + form.length * (strictness === 'strict' ? 2 : 1), 0)
      if (!this.#takes(cost - text.length, sight)) continue
      for (const form of spoken) this.#said.push(statementOf(sight, strictness, form, text))
      // What stands encoded in a long text counts as nobody's word, which is no better: reading it in every way takes long.
      const isRead = strictness === 'loose' && text.length <= LONG_TEXT
      const forms = isRead ? new Set([...spoken, ...readings(text).map(cleanText)]) : spoken
      for (const form of forms) this.#noteAddresses(sight, strictness, form)
    }
  }

  #takes(characters: number, { order }: Sight): boolean {
    if (this.#size + characters > this.#limit) {
      this.#lostAt = Math.min(this.#lostAt, order)
      return false
    }
    this.#size += characters
    return true
  }

  #noteAddresses(sight: Sight, strictness: Strictness, text: string): void {
    const separated = separateScripts(text)
    const found = [...findAddresses(text), ...(separated === text ? [] : findAddresses(separated))]
    for (const address of found) {
      for (const name of namesOf(address, strictness)) {
        if (this.#addresses.has(name)) continue
        this.#addresses.set(name, sight)
        this.#size += name.length
      }
    }
  }
}

const LONG_TEXT = 250_000

interface Utterance {
  readonly sight: Sight
  readonly strictness: Strictness
  readonly text: string
}

type Statement =
  | { readonly strictness: 'loose'; readonly sight: Sight; readonly folded: string }
  | {
      readonly strictness: 'strict'
      readonly sight: Sight
      readonly folded: string
      readonly exact: string
      /** As it was written, where that is not plain. */
      readonly literal: string | undefined
    }

function statementOf(sight: Sight, strictness: Strictness, form: string, text: string): Statement {
  const folded = foldCase(form)
  if (strictness === 'loose') return { strictness, sight, folded }
  return { strictness, sight, folded, exact: form, literal: isPlain(text) ? undefined : literalText(text) }
}

interface Needle {
  readonly exact: string
  readonly folded: string
  /** Words mean the same in capitals; what holds digits may be an identifier, where case counts. */
  readonly foldable: boolean
}

function says(statement: Statement, needle: Needle, literal: string | undefined): boolean {
  if (statement.strictness === 'loose') return hasToken(statement.folded, needle.folded, 'loose')
  if (literal !== undefined) return statement.literal !== undefined && hasToken(statement.literal, literal, 'strict')
  return needle.foldable
    ? hasToken(statement.folded, needle.folded, 'strict')
    : hasToken(statement.exact, needle.exact, 'strict')
}

/** What a text names that holds this address. Suspicious text taints the host of a mail address as well. */
function namesOf(address: Address, strictness: Strictness): readonly string[] {
  const host = strictness === 'loose' ? hostOf(address) : undefined
  return [address.canonical, ...alsoNamed(address), ...(host === undefined ? [] : [host])]
}
