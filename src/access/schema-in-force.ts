import { describeSchema, extendSchema, type SchemaDescription } from '../cedar/index.ts'
import { errorText } from '../kernel/index.ts'
import { AccessError } from './errors.ts'
import type { PolicyFile } from './layers.ts'
import { type Vocabulary, vocabularyOf } from './vocabulary.ts'

/** What policies can speak of: the foundation's schema, and the tenant's own types and actions. */
export interface SchemaInForce {
  readonly text: string
  readonly description: SchemaDescription
  readonly vocabulary: Vocabulary
}

/**
 * The foundation's schema with what the files `as: 'schema'` declare. Throws `policies_invalid` where they are wrong or
 * in conflict with it.
 */
export function schemaInForce(base: string, files: readonly PolicyFile[]): SchemaInForce {
  const own = files.filter(({ as }) => as === 'schema')
  const key = [base, ...own.flatMap(({ name, text }) => [name, text])].join('\0')
  const known = recent.get(key)
  if (known !== undefined) return known
  const text = own.length === 0 ? base : extended(base, own)
  const description = describeSchema(text)
  const schema = { text, description, vocabulary: vocabularyOf(description) }
  if (recent.size >= MAX_RECENT) recent.clear()
  recent.set(key, schema)
  return schema
}

// Reading one takes milliseconds, and policies are compiled far more often than their schema changes.
const recent = new Map<string, SchemaInForce>()
const MAX_RECENT = 64

function extended(base: string, own: readonly PolicyFile[]): string {
  const [first, ...more] = own
  if (first === undefined || more.length > 0) {
    throw new AccessError('policies_invalid', 'the policies cannot be used: there is more than one schema')
  }
  const { name, text } = first
  try {
    const schema = extendSchema({ base, own: text, source: name, context: 'Facts' })
    checkPrincipals(schema, name)
    return schema
  } catch (error) {
    if (error instanceof AccessError) throw error
    throw new AccessError('policies_invalid', `the schema cannot be used: ${errorText(error)}`, { cause: error })
  }
}

/** Who there is, the directory says alone. */
function checkPrincipals(schema: string, source: string): void {
  for (const { id, principals } of describeSchema(schema).actions) {
    const stranger = principals.find((type) => !PRINCIPALS.has(type))
    if (stranger === undefined) continue
    const text = `${source}: \`${id}\`: \`${stranger}\` is no type of principal`
    throw new AccessError('policies_invalid', `the schema cannot be used: ${text}`)
  }
}

const PRINCIPALS: ReadonlySet<string> = new Set(['User', 'Service', 'Agent', 'Device'])
