import type { EntityJson, Uid, ValueJson } from '../../src/cedar/index.ts'
import type { Random } from './cedar-random.ts'

/** A type of the policy language. */
export type Type =
  | { readonly kind: 'Bool' | 'Long' | 'String' | 'decimal' | 'ipaddr' | 'datetime' | 'duration' }
  | { readonly kind: 'Entity'; readonly type: string }
  | { readonly kind: 'Set'; readonly element: Type }
  | { readonly kind: 'Record'; readonly fields: Attributes }

export interface Attribute {
  readonly name: string
  readonly type: Type
  readonly isRequired: boolean
}
export type Attributes = readonly Attribute[]

/** A made-up application: its entity types, actions, entities. */
export interface World {
  readonly types: readonly EntityType[]
  readonly context: Attributes
  readonly entities: readonly EntityJson[]
  readonly uids: readonly Uid[]
  readonly schema: string
}

export interface EntityType {
  readonly name: string
  readonly attributes: Attributes
  readonly tags: Type | undefined
}

export const ACTIONS = ['view', 'edit', 'read', 'all'] as const
const ACTION_GROUPS: Readonly<Record<string, readonly string[]>> = { view: ['read'], edit: ['all'], read: ['all'] }
export const ENUM = { name: 'Color', ids: ['red', 'gr"een'] } as const
const TYPE_NAMES = ['User', 'Group', 'Doc', 'N::Folder'] as const
const NAMES = ['a', 'b', 'c d', '__proto__', 'constructor', '', 'if', 'owner', 'é'] as const
export const TEXTS = ['', 'a', 'ab', 'aab', '*', 'é😀', '__proto__', 'a"b\\', 'x\ny', 'toString'] as const
const IDS = ['x', 'y', 'z', '', '__proto__', 'constructor', 'é"😀', 'w'] as const
export const MOMENTS = [
  '1970-01-01',
  '2024-02-29',
  '2024-10-15T11:38:02Z',
  '1969-12-31T23:59:59.999-0100',
  '0000-01-01',
] as const
export const DURATIONS = [
  '0ms',
  '1d',
  '-1h30m',
  '1d2h3m4s5ms',
  '9223372036854775807ms',
  '-9223372036854775808ms',
] as const
export const DECIMALS = ['0.0', '1.5', '-0.0001', '922337203685477.5807', '-922337203685477.5808', '01.10'] as const
export const ADDRESSES = [
  '127.0.0.1',
  '10.0.0.0/8',
  '10.1.2.3/32',
  '224.0.0.1/4',
  '::1',
  'ff00::/8',
  '2001:db8::1/64',
  '0.0.0.0/0',
] as const

export function makeWorld(random: Random): World {
  // A name means the same everywhere, so that policies often find what they ask for.
  const all = NAMES.map((name) => ({ name, type: makeType(random, 2), isRequired: random.chance(0.8) }))
  const types = TYPE_NAMES.map((name) => ({
    name,
    attributes: all.filter(() => random.chance(0.6)),
    tags: random.chance(0.5) ? makeType(random, 1) : undefined,
  }))
  const context = all.filter(() => random.chance(0.6))
  const uids = types.flatMap(({ name }) =>
    IDS.slice(random.below(3))
      .slice(0, 1 + random.below(4))
      .map((id) => ({ type: name, id })),
  )
  const entities = uids.filter(() => random.chance(0.9)).map((uid) => makeEntity(random, uid, uids, types))
  return { types, context, entities, uids, schema: schemaText(types, context) }
}

function makeAttributes(random: Random, depth: number): Attributes {
  const names = NAMES.filter(() => random.chance(0.45))
  return names.map((name) => ({ name, type: makeType(random, depth), isRequired: random.chance(0.7) }))
}

export function makeType(random: Random, depth: number): Type {
  const choice = random.below(depth > 0 ? 12 : 9)
  switch (choice) {
    case 0:
    case 1:
      return { kind: 'Bool' }
    case 2:
      return { kind: 'Long' }
    case 3:
      return { kind: 'String' }
    case 4:
      return { kind: random.pick(['decimal', 'ipaddr'] as const) }
    case 5:
      return { kind: random.pick(['datetime', 'duration'] as const) }
    case 6:
      return { kind: 'Entity', type: ENUM.name }
    case 7:
    case 8:
      return { kind: 'Entity', type: random.pick(TYPE_NAMES) }
    case 9:
    case 10:
      return { kind: 'Set', element: makeType(random, depth - 1) }
    default:
      return { kind: 'Record', fields: makeAttributes(random, depth - 1) }
  }
}

function makeEntity(random: Random, uid: Uid, uids: readonly Uid[], types: readonly EntityType[]): EntityJson {
  const type = types.find(({ name }) => name === uid.type)
  // Parents stand later in the list, so there is no cycle.
  const later = uids.slice(uids.indexOf(uid) + 1)
  const parents = later.length === 0 ? [] : random.list(0, 2, () => random.pick(later))
  const tags = type?.tags
  return {
    uid,
    attrs: makeFields(random, type?.attributes ?? [], uids),
    parents,
    ...(tags === undefined
      ? {}
      : {
          tags: own(
            TEXTS.filter(() => random.chance(0.3)).map((name) => [name, makeValue(random, tags, uids)] as const),
          ),
        }),
  }
}

export function makeFields(random: Random, attributes: Attributes, uids: readonly Uid[]): Record<string, ValueJson> {
  const present = attributes.filter(({ isRequired }) => isRequired || random.chance(0.6))
  return own(present.map(({ name, type }) => [name, makeValue(random, type, uids)] as const))
}

// Object.fromEntries makes own properties, of `__proto__` too.
const own = (entries: readonly (readonly [string, ValueJson])[]): Record<string, ValueJson> =>
  Object.fromEntries(entries)

function makeValue(random: Random, type: Type, uids: readonly Uid[]): ValueJson {
  switch (type.kind) {
    case 'Bool':
      return random.chance(0.5)
    case 'Long':
      return random.pick([0, 1, -1, 7, 9007199254740991, -9007199254740991])
    case 'String':
      return random.pick(TEXTS)
    case 'Entity': {
      const same = uids.filter((uid) => uid.type === type.type)
      const uid = type.type === ENUM.name ? { type: ENUM.name, id: random.pick(ENUM.ids) } : random.pick(same)
      return { __entity: { type: uid.type, id: uid.id } }
    }
    case 'Set':
      return random.list(0, 3, () => makeValue(random, type.element, uids))
    case 'Record':
      return makeFields(random, type.fields, uids)
    default:
      return { __extn: makeExtension(random, type.kind) }
  }
}

export function makeExtension(
  random: Random,
  kind: 'decimal' | 'ipaddr' | 'datetime' | 'duration',
): { fn: string; arg: string } {
  switch (kind) {
    case 'decimal':
      return { fn: 'decimal', arg: random.pick(DECIMALS) }
    case 'ipaddr':
      return { fn: 'ip', arg: random.pick(ADDRESSES) }
    case 'datetime':
      return { fn: 'datetime', arg: random.pick(MOMENTS) }
    case 'duration':
      return { fn: 'duration', arg: random.pick(DURATIONS) }
  }
}

function schemaText(types: readonly EntityType[], context: Attributes): string {
  const entity = ({ name, attributes, tags }: EntityType): string => {
    const parts = name.split('::')
    const tagged = tags === undefined ? '' : ` tags ${typeText(tags)}`
    const text = `entity ${parts.at(-1)} in [${TYPE_NAMES.join(', ')}] ${recordText(attributes)}${tagged};`
    return parts.length === 1 ? text : `namespace ${parts[0]} { ${text} }`
  }
  const all = TYPE_NAMES.join(', ')
  const actions = ACTIONS.map((name) => {
    const groups = ACTION_GROUPS[name] ?? []
    const within = groups.length === 0 ? '' : ` in [${groups.join(', ')}]`
    return `action ${name}${within} appliesTo { principal: [${all}], resource: [${all}], context: ${recordText(context)} };`
  })
  const color = `entity ${ENUM.name} enum [${ENUM.ids.map(quote).join(', ')}];`
  return [color, ...types.map(entity), ...actions].join('\n')
}

function typeText(type: Type): string {
  switch (type.kind) {
    case 'Entity':
      return type.type
    case 'Set':
      return `Set<${typeText(type.element)}>`
    case 'Record':
      return recordText(type.fields)
    default:
      return type.kind
  }
}

function recordText(attributes: Attributes): string {
  return `{${attributes.map(({ name, type, isRequired }) => `${quote(name)}${isRequired ? '' : '?'}: ${typeText(type)}`).join(', ')}}`
}

/** A text as Cedar writes it. */
export function quote(text: string): string {
  const escaped = [...text].map((character) => {
    if (character === '"' || character === '\\') return `\\${character}`
    const code = character.codePointAt(0) ?? 0
    return code < 0x20 ? `\\u{${code.toString(16)}}` : character
  })
  return `"${escaped.join('')}"`
}
