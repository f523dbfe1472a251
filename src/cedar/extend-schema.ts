import { CedarError, errorOf } from './errors.ts'
import { official, type SchemaJson, type SchemaTypeJson } from './official.ts'
import { positionsIn } from './source-position.ts'

export interface SchemaExtension {
  /** The schema that is extended. It has no namespaces. */
  readonly base: string
  /** Further declarations, each in a namespace. */
  readonly own: string
  /** For messages. */
  readonly source: string
  /** A record of the base: the context of every action of the extension has its attributes too. */
  readonly context: string
}

/**
 * A schema with more declarations. What stands in the base stays exactly as it is: the extension declares types and
 * actions in namespaces of its own, under names that the base does not have. Throws `schema_invalid`.
 */
export function extendSchema({ base, own, source, context }: SchemaExtension): string {
  // The extension first, so that places in it are places in its file.
  const json = parsed(`${own}\n${base}`, own, source)
  const baseJson = parsed(base, base, source)
  checkNames(json, baseJson, source)
  const shared = baseJson['']?.commonTypes?.[context]?.attributes ?? {}
  const extended = Object.fromEntries(
    Object.entries(json).map(([namespace, declared]) => [
      namespace,
      namespace === '' ? declared : withContext(declared, { json, namespace, shared, source }),
    ]),
  )
  // The official package checks the form of what it is given.
  const answer = official().schemaToText(extended as Parameters<ReturnType<typeof official>['schemaToText']>[0])
  if (answer.type === 'failure') throw errorOf('schema_invalid', positionsIn('', source).problemsOf(answer.errors))
  return answer.text
}

function parsed(text: string, part: string, source: string): SchemaJson {
  const answer = official().schemaToJsonWithResolvedTypes(text)
  if (answer.type === 'failure') throw errorOf('schema_invalid', positionsIn(part, source).problemsOf(answer.errors))
  return answer.json as SchemaJson // as in schema.ts
}

type Declared = SchemaJson[string]

function checkNames(json: SchemaJson, base: SchemaJson, source: string): void {
  const builtIn = new Set(namesOf(base['']))
  const taken = new Map([...EXTENSION_TYPES, ...builtIn].map((name) => [name.toLowerCase(), name]))
  const loose = namesOf(json['']).find((name) => !builtIn.has(name))
  const looseAction = Object.keys(json['']?.actions ?? {}).find((id) => base['']?.actions[id] === undefined)
  const outside = loose ?? looseAction
  if (outside !== undefined) {
    throw invalid(source, `\`${outside}\` stands in no namespace, as in \`namespace Shop { entity Order; }\``)
  }
  const types = new Set(
    Object.entries(json).flatMap(([namespace, { entityTypes }]) =>
      Object.keys(entityTypes).map((name) => (namespace === '' ? name : `${namespace}::${name}`)),
    ),
  )
  for (const [namespace, declared] of Object.entries(json)) {
    if (namespace === '') continue
    // INVARIANT: of `A::b::c` it is clear what is the type and what the id, also where no quotes say so.
    const type = namespacesAround(namespace).find((name) => types.has(name))
    if (type !== undefined) throw invalid(source, `\`${type}\` is the name of a type, and cannot be a namespace too`)
    for (const name of namesOf(declared)) {
      const own = taken.get(name.toLowerCase())
      if (own !== undefined) throw invalid(source, `\`${namespace}::${name}\` has the name of the built-in \`${own}\``)
    }
  }
}

// A name of a namespace stands before these, wherever the facts of every request have one.
const EXTENSION_TYPES = ['datetime', 'decimal', 'duration', 'ipaddr']

/** `A::B` is in `A`. */
function namespacesAround(namespace: string): readonly string[] {
  const parts = namespace.split('::')
  return parts.map((_, at) => parts.slice(0, at + 1).join('::'))
}

function namesOf(declared: Declared | undefined): readonly string[] {
  return [...Object.keys(declared?.entityTypes ?? {}), ...Object.keys(declared?.commonTypes ?? {})]
}

interface Around {
  readonly json: SchemaJson
  readonly namespace: string
  readonly shared: Attributes
  readonly source: string
}

type Attributes = NonNullable<SchemaTypeJson['attributes']>

function withContext(declared: Declared, around: Around): Declared {
  const actions = Object.entries(declared.actions).map(([id, action]) => {
    const { appliesTo } = action
    if (appliesTo === undefined || appliesTo.principalTypes.length === 0) return [id, action] as const
    const own = attributesOf(appliesTo.context, around)
    for (const [name, type] of Object.entries(own)) {
      const known = around.shared[name]
      if (known === undefined || isSameType(known, type)) continue
      throw invalid(around.source, `\`${around.namespace}::${id}\`: the built-in fact \`${name}\` is of another type`)
    }
    const context = { type: 'Record', attributes: { ...own, ...around.shared } }
    return [id, { ...action, appliesTo: { ...appliesTo, context } }] as const
  })
  return { ...declared, actions: Object.fromEntries(actions) }
}

function attributesOf(context: SchemaTypeJson | undefined, { json }: Around): Attributes {
  if (context === undefined) return {}
  if (context.attributes !== undefined) return context.attributes
  const name = context.name ?? context.type
  const at = name.lastIndexOf('::')
  const named = json[at < 0 ? '' : name.slice(0, at)]?.commonTypes?.[at < 0 ? name : name.slice(at + 2)]
  return named?.attributes ?? {}
}

function isSameType(a: SchemaTypeJson, b: SchemaTypeJson): boolean {
  const plain = (type: SchemaTypeJson) =>
    JSON.stringify(type, (key, value: unknown) => (key === 'annotations' ? undefined : value))
  return plain(a) === plain(b)
}

function invalid(source: string, message: string): CedarError {
  return new CedarError('schema_invalid', `${source}: ${message}`)
}
