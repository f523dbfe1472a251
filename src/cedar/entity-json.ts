import { type Bag, createBag } from './bag.ts'
import { extensionParts } from './cedar-text.ts'
import { CedarError } from './errors.ts'
import { parseJson } from './exact-json.ts'
import { CONSTRUCTORS, Datetime, type Extension } from './extension.ts'
import { add, toLong } from './long.ts'
import type { ExpectedType } from './schema.ts'
import { checkEntityType, type Uid } from './uid.ts'
import { EntityRef, fieldsOf, RecordValue, SetValue, type Value } from './value.ts'

/** A value in Cedar's JSON form; `{ __entity: uid }` and `{ __extn: { fn, arg } }` stand for what JSON does not have. */
export type ValueJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly ValueJson[]
  | { readonly [key: string]: ValueJson }

export type UidJson = Uid | { readonly __entity: Uid }

/** An entity in Cedar's JSON form. */
export interface EntityJson {
  readonly uid: UidJson
  readonly attrs?: { readonly [name: string]: ValueJson }
  readonly parents?: readonly UidJson[]
  readonly tags?: { readonly [name: string]: ValueJson }
}

/** The context of a request: JSON in memory, or its text. Throws `request_invalid` or `json_invalid`. */
export function readContext(json: object | string, expected: ExpectedType | undefined): RecordValue {
  // `object` is what callers have; `readValue` checks all that it meets.
  const value = readValue((typeof json === 'string' ? parseJson(json) : json) as ValueJson, expected)
  if (typeof value !== 'object' || value.kind !== 'record') throw invalid('a context is a record')
  return value
}

export function readUid(json: unknown): EntityRef {
  const uid = typeof json === 'object' && json !== null && '__entity' in json ? json.__entity : json
  if (typeof uid !== 'object' || uid === null || !('type' in uid) || !('id' in uid)) throw invalid('no entity uid')
  if (typeof uid.type !== 'string' || typeof uid.id !== 'string') throw invalid('`type` and `id` of an entity are text')
  checkEntityType(uid.type)
  return new EntityRef(uid.type, uid.id)
}

export function readFields(
  json: { readonly [name: string]: ValueJson },
  expected: (name: string) => ExpectedType | undefined,
): Bag<Value> {
  const fields = createBag<Value>()
  for (const name of Object.keys(json)) {
    try {
      fields[name] = readValue(json[name], expected(name))
    } catch (error) {
      if (error instanceof CedarError) throw invalid(`\`${name}\`: ${error.publicMessage}`)
      throw error
    }
  }
  return fields
}

const MAX_DEPTH = 256

function readValue(json: ValueJson | undefined, expected: ExpectedType | undefined, depth = 0): Value {
  if (depth > MAX_DEPTH) throw invalid(`nested deeper than ${MAX_DEPTH}`)
  switch (typeof json) {
    case 'boolean':
      return expect(json, expected, 'bool')
    case 'number':
      if (!Number.isSafeInteger(json)) throw invalid(`${json} is no exact integer; give the JSON as text, or a bigint`)
      return expect(json + 0, expected, 'long')
    case 'bigint': {
      const long = toLong(json)
      if (long === undefined) throw invalid('an integer does not fit into 64 bits')
      return expect(long, expected, 'long')
    }
    case 'string':
      // Where the schema says so, text alone stands for a value of an extension type.
      if (expected?.kind === 'extension') return construct(expected.constructor, json)
      return expect(json, expected, 'string')
    case 'object':
      if (json === null) throw invalid('null is no value in Cedar')
      return isList(json) ? readSet(json, expected, depth) : readObject(json, expected, depth)
    default:
      throw invalid(`${typeof json} is no value in Cedar`)
  }
}

function isList(json: object): json is readonly ValueJson[] {
  return Array.isArray(json)
}

function expect<V extends Value>(value: V, expected: ExpectedType | undefined, kind: string): V {
  if (expected !== undefined && expected.kind !== kind) throw invalid(`found ${kind}, expected ${expected.kind}`)
  return value
}

function readSet(json: readonly ValueJson[], expected: ExpectedType | undefined, depth: number): SetValue {
  const element = expected?.kind === 'set' ? expected.element : undefined
  return expect(new SetValue(json.map((item) => readValue(item, element, depth + 1))), expected, 'set')
}

function readObject(
  json: { readonly [key: string]: ValueJson },
  expected: ExpectedType | undefined,
  depth: number,
): Value {
  if (Object.hasOwn(json, '__entity')) return expect(readUid(json.__entity), expected, 'entity')
  if (expected?.kind === 'entity') return readUid(json)
  if (Object.hasOwn(json, '__extn')) return readExtension(json.__extn, expected, depth)
  if (expected?.kind === 'extension') return readExtension(json, expected, depth)
  if (Object.hasOwn(json, '__expr')) throw invalid('`__expr` is no longer part of Cedar')
  const fields = createBag<Value>()
  const names = Object.keys(json)
  for (const name of names) {
    const type = expected?.kind === 'record' ? expected.attributes[name] : undefined
    fields[name] = readValue(json[name], type, depth + 1)
  }
  return expect(new RecordValue(fields, names.length), expected, 'record')
}

function readExtension(json: ValueJson | undefined, expected: ExpectedType | undefined, depth: number): Extension {
  if (typeof json !== 'object' || json === null || isList(json)) throw invalid('`__extn` takes `fn` and `arg`')
  const { fn, arg = null, args = [arg] } = json
  if (typeof fn !== 'string' || typeof args !== 'object' || args === null || !isList(args))
    throw invalid('`__extn` takes `fn` and `arg`')
  if (expected !== undefined && expected.kind !== 'extension') throw invalid(`found ${fn}, expected ${expected.kind}`)
  if (fn === 'offset') return readOffset(args, depth)
  if (expected !== undefined && fn !== expected.constructor) {
    throw invalid(`found ${fn}, expected ${expected.constructor}`)
  }
  const [text] = args
  if (args.length !== 1 || typeof text !== 'string') throw invalid(`\`${fn}\` takes one text`)
  return construct(fn, text)
}

/** `offset(datetime, duration)`: how Cedar itself writes moments as JSON. */
function readOffset(args: readonly ValueJson[], depth: number): Datetime {
  const [moment, distance] = args.map((arg) => readValue(arg, undefined, depth + 1))
  if (typeof moment !== 'object' || moment.kind !== 'datetime') throw invalid('`offset` takes a datetime')
  if (typeof distance !== 'object' || distance.kind !== 'duration') throw invalid('`offset` takes a duration')
  const milliseconds = add(moment.milliseconds, distance.milliseconds)
  if (milliseconds === undefined) throw invalid('a datetime does not fit into 64 bits')
  return new Datetime(milliseconds)
}

function construct(name: string, text: string): Extension {
  const parse = Object.hasOwn(CONSTRUCTORS, name) ? CONSTRUCTORS[name] : undefined
  const value = parse?.(text)
  if (parse === undefined) throw invalid(`unknown function \`${name}\``)
  if (value === undefined) throw invalid(`\`${text.slice(0, 80)}\` is no ${name}`)
  return value
}

function invalid(message: string): CedarError {
  return new CedarError('entities_invalid', message)
}

/** A value in Cedar's JSON form. Integers beyond 2^53 stay `bigint`. */
export function jsonOf(value: Value): ValueJson {
  if (typeof value !== 'object') return value
  switch (value.kind) {
    case 'entity':
      return { __entity: { type: value.type, id: value.id } }
    case 'set':
      return value.elements.map(jsonOf)
    case 'record':
      return Object.fromEntries(fieldsOf(value).map(([name, field]) => [name, jsonOf(field)]))
    default:
      return { __extn: extensionParts(value) }
  }
}
