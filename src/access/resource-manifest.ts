import { z } from 'zod'
import { describeSchema, Entities, type EntityJson } from '../cedar/index.ts'
import { parseResourceRef } from '../identity/index.ts'
import { errorText } from '../kernel/index.ts'
import { AccessError } from './errors.ts'

const name = z.string().min(1).max(256)
const reference = z
  .string()
  .refine((text) => parseResourceRef(text) !== undefined, 'must be a type and an id, as in `Dataset::feedback`')
const value = z.union([z.string(), z.boolean(), z.int(), z.array(z.string())])
const day = z.int().min(1).max(7)
const clock = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time of day, as in `08:30`')

/** What a manifest says of resources, and of the tenant itself. */
export const resourceSections = {
  projects: z.record(name, z.strictObject({})),
  environments: z.record(name, z.strictObject({})),
  resources: z.record(
    reference,
    z.strictObject({
      project: name.optional(),
      environment: name.optional(),
      in: z.array(reference).max(100).optional(),
      attributes: z.record(name, value).optional(),
    }),
  ),
  hours: z.strictObject({
    timeZone: z.string().min(1).max(64),
    working: z.strictObject({ days: z.array(day).max(7), from: clock, to: clock }).exactOptional(),
  }),
}

export interface DeclaredResources {
  readonly projects?: z.output<typeof resourceSections.projects> | undefined
  readonly environments?: z.output<typeof resourceSections.environments> | undefined
  readonly resources?: z.output<typeof resourceSections.resources> | undefined
}

/** The entities that manifests declare. What is placed nowhere is in the tenant. */
export function resourceEntities(declared: DeclaredResources, tenant: string): readonly EntityJson[] {
  const root = { type: 'Tenant', id: tenant }
  const bare = (type: string) => (id: string) => ({ uid: { type, id }, attrs: {}, parents: [root] })
  return [
    ...Object.keys(declared.projects ?? {}).map(bare('Project')),
    ...Object.keys(declared.environments ?? {}).map(bare('Environment')),
    ...Object.entries(declared.resources ?? {}).map(([text, { project, environment, in: inside = [], attributes }]) => {
      const parents = [
        ...(project === undefined ? [] : [{ type: 'Project', id: project }]),
        ...(environment === undefined ? [] : [{ type: 'Environment', id: environment }]),
        ...inside.map(uidOf),
      ]
      return { uid: uidOf(text), attrs: attributes ?? {}, parents: parents.length === 0 ? [root] : parents }
    }),
  ]
}

/** Throws `resources_invalid` for a type, parent or attribute that the schema does not have, or a cycle. */
export function checkResources(entities: readonly EntityJson[], schema: string): void {
  const types = new Map(describeSchema(schema).entities.map((entity) => [entity.name, entity]))
  for (const { uid, attrs = {}, parents = [] } of entities) {
    const { type, id } = plain(uid)
    const known = types.get(type)
    if (known === undefined || PRINCIPALS.has(type)) throw invalid(`\`${type}::${id}\`: no such type of resource`)
    const wrongParent = parents.map(plain).find((parent) => !known.parents.includes(parent.type))
    if (wrongParent !== undefined) throw invalid(`\`${type}::${id}\`: cannot be in a ${wrongParent.type}`)
    const unknown = Object.keys(attrs).find((attribute) => known.fields.every((field) => field.name !== attribute))
    if (unknown !== undefined) throw invalid(`\`${type}::${id}\`: no attribute \`${unknown}\``)
  }
  try {
    Entities.fromJson(entities, schema)
  } catch (error) {
    throw new AccessError('resources_invalid', `the resources cannot be used: ${errorText(error)}`, { cause: error })
  }
}

// Who there is, the directory says alone, and who asks for what, those who keep it.
const PRINCIPALS: ReadonlySet<string> = new Set([
  'User',
  'Service',
  'Agent',
  'Device',
  'Group',
  'Role',
  'AgentType',
  'Tenant',
  'Arguments',
  'Approval',
  'AccessRequest',
])

function plain(uid: EntityJson['uid']): { readonly type: string; readonly id: string } {
  return '__entity' in uid ? uid.__entity : uid
}

function uidOf(text: string): { type: string; id: string } {
  const ref = parseResourceRef(text)
  if (ref === undefined) throw new TypeError(`a reference that was never checked: ${text}`)
  return { type: ref.type, id: ref.id }
}

function invalid(message: string): AccessError {
  return new AccessError('resources_invalid', `the resources cannot be used: ${message}`)
}
