import { z } from 'zod'
import type { EntityJson } from '../../cedar/index.ts'
import type { Json } from '../../kernel/index.ts'
import { AccessError } from '../errors.ts'
import type { Hours } from '../local-time.ts'
import { resourceSections } from '../resource-manifest.ts'
import type { Roles } from '../roles.ts'
import type { TestFile } from './address.ts'

/** What the cases of a suite suppose of people and things; a suite without it has only what its files declare. */
export interface Setting {
  readonly roles: Roles
  readonly entities: readonly EntityJson[]
  readonly hours?: Hours | undefined
}

/** The setting as a file beside the tests that suppose it. */
export function settingFile({ roles, entities, hours }: Setting): TestFile {
  const grants = roles.grants.map(({ role, assignee, on, until }) => ({
    role,
    assignee: { type: assignee.type, id: assignee.id },
    ...(on === undefined ? {} : { on: { type: on.type, id: on.id } }),
    ...(until === undefined ? {} : { until }),
  }))
  const text = JSON.stringify({ roles: grants, declared: [...roles.declared].sort(), entities, hours }, null, 1)
  return { name: 'setting.json', text, as: 'setting' }
}

const reference = z.strictObject({ type: z.string(), id: z.string() })
const schema = z.strictObject({
  roles: z.array(
    z.strictObject({ role: z.string(), assignee: reference, on: reference.optional(), until: z.number().optional() }),
  ),
  declared: z.array(z.string()),
  entities: z.array(z.record(z.string(), z.json())),
  hours: resourceSections.hours.optional(),
})

/** Throws `revision_invalid`. */
export function settingOf(file: TestFile | undefined): Setting {
  if (file === undefined) return { roles: { grants: [], declared: new Set() }, entities: [] }
  const parsed = schema.safeParse(jsonOf(file))
  if (!parsed.success) throw wrong(file, parsed.error.issues[0]?.message ?? 'invalid')
  const { roles, declared, entities, hours } = parsed.data
  return {
    roles: {
      grants: roles.map(({ role, assignee, on, until }) => ({ role, assignee, on, until })),
      declared: new Set(declared),
    },
    // Cedar's JSON form; what is no entity is refused when they are read together
    entities: entities as unknown as readonly EntityJson[],
    hours,
  }
}

function jsonOf(file: TestFile): Json {
  try {
    return JSON.parse(file.text)
  } catch {
    throw wrong(file, 'is not JSON')
  }
}

function wrong({ name }: TestFile, why: string): AccessError {
  return new AccessError('revision_invalid', `\`${name}\`: ${why}`)
}
