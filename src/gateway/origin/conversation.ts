import { hash } from 'node:crypto'
import { cleanText, foldCase, isPlain, literalText } from './clean-text.ts'
import { namedAddresses, spokenForms } from './named-addresses.ts'
import { hasToken, type Strictness } from './token-boundary.ts'

/** Who brought a text into the conversation. `trusted` is said of a tool server by the operator. */
export interface Source {
  readonly kind: 'user' | 'system' | 'tool' | 'model'
  readonly server?: string | undefined
  readonly trusted?: boolean | undefined
}

/** When something was said. */
export interface Moment {
  /** Position among everything that was said anywhere: the smaller came first. */
  readonly order: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Where something was seen first. */
export interface Sight extends Moment {
  readonly kind: 'user' | 'system' | 'trusted' | 'untrusted'
  readonly server: string | undefined
}

/** What an actor has met in its other conversations. */
export interface Earlier {
  hear(utterance: Utterance): void
  /** Something untrusted was said and will never be read. */
  lose(moment: Moment): void
  taintOf(name: string, moment: Moment): Sight | undefined
}

/**
 * What was said in one conversation, in the order in which it arrived, so that for a value it can tell who said it first.
 *
 * Text that makes a value trustworthy (user, system, trusted tools) is read strictly: a value was said where it stands as
 * a whole token. Text that makes it suspicious is read loosely and in every decoding. What the model wrote is nobody's
 * word: it neither makes a value trustworthy nor takes away that the user names it later.
 *
 * What is said under the roles of the user or the system may be a summary of an earlier conversation: an address that
 * untrusted content brought up there stays suspicious here (see `EarlierSights`), unless this one began afresh.
 */
export class Conversation {
  readonly #said: Statement[] = []
  readonly #addresses = new Map<string, Sight>()
  readonly #heard = { strict: new Set<string>(), loose: new Set<string>() }
  readonly #limit: number
  readonly #earlier: Earlier
  readonly #isAfresh: boolean
  #waiting: Utterance[] = []
  #size = 0
  /** Position of the first thing that was said and is not known. */
  #lostAt: number

  /**
   * `limit` in characters kept. `began`: in the middle where an earlier part of it has been forgotten; `afresh` where its
   * client says that nothing from earlier conversations is in it.
   */
  constructor(limit: number, began: 'unseen' | 'seen' | 'afresh', earlier: Earlier) {
    this.#limit = limit
    this.#earlier = earlier
    this.#isAfresh = began === 'afresh'
    this.#lostAt = began === 'unseen' ? -1 : Number.POSITIVE_INFINITY
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
  observe(source: Source, parts: readonly string[], { order, at }: Moment): void {
    if (source.kind === 'model') return
    const kind = source.kind === 'tool' ? (source.trusted === true ? 'trusted' : 'untrusted') : source.kind
    const strictness: Strictness = kind === 'untrusted' ? 'loose' : 'strict'
    const sight: Sight = { kind, server: source.kind === 'tool' ? source.server : undefined, order, at }
    for (const text of parts) this.#hear(text, strictness, sight)
    // Content items may cut through a value.
    if (strictness === 'loose' && parts.length > 1) this.#hear(parts.join(''), strictness, sight)
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

  /** Where this address was first given in this conversation, in whatever spelling. */
  ownSightOfAddress(canonical: string): Sight | undefined {
    this.#listen()
    return this.#addresses.get(canonical)
  }

  /** Where this address was first given, in whatever spelling: here, or to the same actor before. */
  sightOfAddress(canonical: string): Sight | undefined {
    const sight = this.ownSightOfAddress(canonical)
    if (this.#isAfresh || sight?.kind === 'untrusted' || sight?.kind === 'trusted') return sight
    const earlier = this.#earlier.taintOf(canonical, sight ?? LATEST)
    // Of what nobody has named here there is nothing to doubt, only to say where it came from.
    return sight === undefined && earlier?.server === undefined ? undefined : (earlier ?? sight)
  }

  #hear(text: string, strictness: Strictness, sight: Sight): void {
    if (strictness === 'strict' && this.#lostAt < sight.order) return
    // Clients send the whole history with every request: what was heard before changes nothing.
    const digest = hash('sha256', text, 'base64')
    if (this.#heard.loose.has(digest) || (strictness === 'strict' && this.#heard.strict.has(digest))) return
    if (!this.#takes(text.length + digest.length, sight)) {
      if (strictness === 'loose') this.#earlier.lose(sight)
      return
    }
    this.#heard[strictness].add(digest)
    const utterance = new Utterance(sight, strictness, text)
    this.#waiting.push(utterance)
    this.#earlier.hear(utterance)
  }

  #listen(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const utterance of waiting) {
      const { sight, strictness, text } = utterance
      if (strictness === 'strict' && this.#lostAt < sight.order) continue
      const spoken = spokenForms(text)
      // Trustworthy text is compared exactly as well.
      const cost = spoken.reduce((sum, form) => sum + form.length * (strictness === 'strict' ? 2 : 1), 0)
      if (!this.#takes(cost - text.length, sight)) continue
      for (const form of spoken) this.#said.push(statementOf(sight, strictness, form, text))
      for (const name of utterance.names()) {
        if (this.#addresses.has(name)) continue
        this.#addresses.set(name, sight)
        this.#size += name.length
      }
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
}

const LATEST: Moment = { order: Number.POSITIVE_INFINITY, at: 0 }

/** A text as it was said. */
export class Utterance {
  readonly sight: Sight
  readonly strictness: Strictness
  readonly text: string
  #names: ReadonlySet<string> | undefined

  constructor(sight: Sight, strictness: Strictness, text: string) {
    this.sight = sight
    this.strictness = strictness
    this.text = text
  }

  /** See `namedAddresses`; looked for when first asked. */
  names(): ReadonlySet<string> {
    this.#names ??= namedAddresses(this.text, this.strictness)
    return this.#names
  }
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
