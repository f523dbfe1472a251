import { hash } from 'node:crypto'

/** What of a body can be searched for by index. Every kind of record may have any of these fields. */
interface Searchable {
  readonly chain?: unknown
  readonly principal?: unknown
  readonly action?: unknown
  readonly resource?: unknown
  readonly decision?: unknown
  readonly reasons?: unknown
  readonly questions?: unknown
}

export type TermField = 'principal' | 'action' | 'resource' | 'decision' | 'policy'

/** One searchable value. Only denials, enforced or observed, are indexed among decisions: there are too many of the others to help. */
export function termText(field: TermField, value: string): string {
  return `${field}\n${value}`
}

/** What a record was sealed under: by this the bodies are found that a key opens. */
export function sealTerm(seal: number): string {
  return `seal\n${seal}`
}

/** Calls `add` with every term of a body; the same term may come more than once. */
export function eachTerm(body: object, add: (term: string) => void): void {
  // Only fields whose type is looked at below are used.
  const fields = body as Searchable
  if (Array.isArray(fields.chain)) for (const link of fields.chain) addNamed('principal', idOf(link), add)
  addNamed('principal', fields.principal, add)
  addQuestion(fields, add)
  if (Array.isArray(fields.questions)) for (const question of fields.questions) addQuestion(question ?? {}, add)
}

/** `Type::id`, as resources are searched for. */
export function resourceName(resource: unknown): string | undefined {
  if (typeof resource !== 'object' || resource === null) return undefined
  const { type, id } = resource as { type?: unknown; id?: unknown }
  return typeof type === 'string' && typeof id === 'string' ? `${type}::${id}` : undefined
}

/** Numbers that stand for terms: 48 bits of a keyed hash, so that the index does not give away what it is over. */
export class TermNumbers {
  readonly #key: Buffer
  readonly #known = new Map<string, number>()

  constructor(key: Uint8Array) {
    this.#key = Buffer.concat([key, Buffer.from('\n')])
  }

  of(term: string): number {
    const known = this.#known.get(term)
    if (known !== undefined) return known
    const number = hash('sha256', Buffer.concat([this.#key, Buffer.from(term)]), 'buffer').readUIntBE(0, 6)
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(term, number)
    return number
  }
}

const MAX_KNOWN = 50_000

function addQuestion(question: Searchable, add: (term: string) => void): void {
  addNamed('action', question.action, add)
  addNamed('resource', resourceName(question.resource), add)
  const { decision } = question
  if (decision === 'deny' || decision === 'observed-deny') add(termText('decision', decision))
  if (!Array.isArray(question.reasons)) return
  for (const reason of question.reasons) addNamed('policy', policyOf(reason), add)
}

function addNamed(field: TermField, value: unknown, add: (term: string) => void): void {
  if (typeof value === 'string') add(termText(field, value))
}

function idOf(link: unknown): unknown {
  return typeof link === 'object' && link !== null && 'id' in link ? link.id : undefined
}

function policyOf(reason: unknown): unknown {
  return typeof reason === 'object' && reason !== null && 'policy' in reason ? reason.policy : undefined
}
