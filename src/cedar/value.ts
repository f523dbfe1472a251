import type { Bag } from './bag.ts'
import type { Extension } from './extension.ts'
import { hashOf } from './hash-trie.ts'

/** A 64-bit integer. INVARIANT: a `number` where it is safe (|n| < 2^53), else a `bigint`; so `===` compares values. */
export type Long = number | bigint

/** A Cedar value. */
export type Value = boolean | Long | string | EntityRef | SetValue | RecordValue | Extension

/** The name of an entity, whether or not it exists in a store. */
export class EntityRef {
  readonly kind = 'entity'
  readonly type: string
  readonly id: string
  #key: string | undefined
  #hash: number | undefined

  constructor(type: string, id: string) {
    this.type = type
    this.id = id
  }

  /** One text for each entity: what maps of entities are keyed by. */
  get key(): string {
    this.#key ??= uidText(this)
    return this.#key
  }

  /** The hash of the key. */
  get hash(): number {
    this.#hash ??= hashOf(this.key)
    return this.#hash
  }
}

export class RecordValue {
  readonly kind = 'record'
  readonly fields: Bag<Value>
  readonly size: number

  constructor(fields: Bag<Value>, size: number) {
    this.fields = fields
    this.size = size
  }
}

/** A set. Elements are distinct; membership of small sets is a comparison with each, of large ones a hash lookup. */
export class SetValue {
  readonly kind = 'set'
  readonly elements: readonly Value[]
  #keys: ReadonlySet<ValueKey> | undefined
  #entities: readonly EntityRef[] | false | undefined

  constructor(elements: readonly Value[]) {
    if (elements.length <= SMALL) {
      this.elements = distinct(elements)
      return
    }
    const byKey = new Map<ValueKey, Value>()
    for (const element of elements) byKey.set(keyOf(element), element)
    this.elements = byKey.size === elements.length ? elements : [...byKey.values()]
    this.#keys = new Set(byKey.keys())
  }

  has(value: Value): boolean {
    if (this.#keys !== undefined) return this.#keys.has(keyOf(value))
    for (const element of this.elements) if (isEqual(element, value)) return true
    return false
  }

  /** The elements, where all of them are entities. */
  get entities(): readonly EntityRef[] | undefined {
    if (this.#entities === undefined) {
      const entities = this.elements.filter((element) => element instanceof EntityRef)
      this.#entities = entities.length === this.elements.length ? entities : false
    }
    return this.#entities === false ? undefined : this.#entities
  }

  hasAll(other: SetValue): boolean {
    for (const element of other.elements) if (!this.has(element)) return false
    return true
  }

  hasAny(other: SetValue): boolean {
    // The smaller one is walked, the larger one is asked.
    if (this.elements.length < other.elements.length) return other.hasAny(this)
    for (const element of other.elements) if (this.has(element)) return true
    return false
  }
}

const SMALL = 8

function distinct(elements: readonly Value[]): readonly Value[] {
  const result: Value[] = []
  for (const element of elements) if (!result.some((other) => isEqual(element, other))) result.push(element)
  return result.length === elements.length ? elements : result
}

/** Cedar's `==`: never an error, and false for values of different types. */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object') return false
  switch (a.kind) {
    case 'entity':
      return b.kind === 'entity' && a.id === b.id && a.type === b.type
    case 'set':
      return b.kind === 'set' && a.elements.length === b.elements.length && a.hasAll(b)
    case 'record':
      return b.kind === 'record' && a.size === b.size && hasEqualFields(a, b)
    case 'ipaddr':
      return b.kind === 'ipaddr' && a.version === b.version && a.prefix === b.prefix && a.address === b.address
    case 'decimal':
      return b.kind === 'decimal' && a.units === b.units
    case 'datetime':
      return b.kind === 'datetime' && a.milliseconds === b.milliseconds
    case 'duration':
      return b.kind === 'duration' && a.milliseconds === b.milliseconds
  }
}

function hasEqualFields(a: RecordValue, b: RecordValue): boolean {
  for (const name in a.fields) {
    const left = a.fields[name]
    const right = b.fields[name]
    if (left === undefined || right === undefined || !isEqual(left, right)) return false
  }
  return true
}

/** Equal values have the same key, different values different ones. Primitives but strings are their own keys. */
export type ValueKey = boolean | Long | string

export function keyOf(value: Value): ValueKey {
  if (typeof value === 'string') return `s${value}`
  return typeof value === 'object' ? textKeyOf(value) : value
}

function textKeyOf(value: Value): string {
  if (typeof value === 'string') return `s${quote(value)}`
  if (typeof value !== 'object') return String(value)
  switch (value.kind) {
    case 'entity':
      return uidText(value)
    case 'set':
      return `[${value.elements.map(textKeyOf).sort().join()}]`
    case 'record':
      return `{${fieldsOf(value)
        .map(([name, field]) => `${quote(name)}:${textKeyOf(field)}`)
        .sort()
        .join()}}`
    case 'ipaddr':
      return `ip${value.version}/${value.address}/${value.prefix}`
    case 'decimal':
      return `decimal/${value.units}`
    default:
      return `${value.kind}/${value.milliseconds}`
  }
}

export function fieldsOf(record: RecordValue): [string, Value][] {
  const fields: [string, Value][] = []
  for (const name in record.fields) {
    const field = record.fields[name]
    if (field !== undefined) fields.push([name, field])
  }
  return fields
}

/** `User::"alice"`, as Cedar writes it. */
export function uidText(uid: { readonly type: string; readonly id: string }): string {
  return `${uid.type}::${quote(uid.id)}`
}

function quote(text: string): string {
  return JSON.stringify(text)
}

/** The name of a value's type, for messages. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    case 'object':
      return value.kind === 'entity' ? `(entity of type \`${value.type}\`)` : value.kind
    default:
      return 'long'
  }
}
