import { z } from 'zod'
import { ANONYMOUS, parsePrincipalId } from '../kernel/index.ts'
import { parseSections, type Sections } from './manifest-sections.ts'
import { parsePublicJwk } from './public-jwk.ts'
import { heldRole, heldRoleKey, roleEntry } from './role-assignment.ts'

const NAME_RULE = 'must be 1 to 128 letters, digits, `.`, `_`, `@` or `-`, first and last a letter or digit'
const id = z
  .string()
  .refine((text) => parsePrincipalId(text) !== undefined, NAME_RULE)
  .refine((text) => text !== ANONYMOUS.id, '`anonymous` is whoever cannot be identified')
const title = z.string().min(1).max(200)
const ids = z.array(id).refine((list) => new Set(list).size === list.length, 'must not name anything twice')

const publicKey = z.unknown().transform((value, ctx) => {
  const parsed = parsePublicJwk(value)
  if (!('problem' in parsed)) return parsed
  ctx.addIssue({ code: 'custom', message: parsed.problem })
  return z.NEVER
})

const roles = z
  .array(roleEntry(id))
  .refine(
    (list) => new Set(list.map((entry) => heldRoleKey({ ...heldRole(entry), until: undefined }))).size === list.length,
    'must not name anything twice',
  )
const level = z.int().min(0).max(1000)
const principal = {
  name: title.optional(),
  project: id.optional(),
  roles: roles.optional(),
  keys: z.array(publicKey).max(10).optional(),
}
const user = z.strictObject(principal)
const service = z.strictObject(principal)
const agent = z.strictObject({
  ...principal,
  sponsor: z.string({ error: 'an agent needs a sponsor, the id of a user' }).pipe(id),
  type: id.optional(),
  level: level.optional(),
})
const group = z.strictObject({ name: title.optional(), members: ids.optional(), roles: roles.optional() })
const agentType = z.strictObject({ roles: roles.optional() })
const role = z.strictObject({ title: title.optional() })

/**
 * The sections of a manifest that the directory takes; each is a map by id. A field that is left out stays as it is
 * in the directory; a list that is given is the whole list.
 */
export const identitySections = {
  users: z.record(id, user),
  services: z.record(id, service),
  agents: z.record(id, agent),
  groups: z.record(id, group),
  roles: z.record(id, role),
  agentTypes: z.record(id, agentType),
}

export type Manifest = Sections<typeof identitySections>
export type PrincipalEntry = z.output<typeof user> & Partial<z.output<typeof agent>>

/** Reads a manifest that holds nothing but sections of the directory. Throws `manifest_invalid`. */
export function parseManifest(text: string, file: string): Manifest {
  return parseSections(text, file, identitySections)
}
