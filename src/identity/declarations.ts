import type { Manifest, PrincipalEntry } from './manifest.ts'
import { roleNameOf } from './role-assignment.ts'
import type { Snapshot } from './snapshot.ts'

/** One thing that a manifest declares, and where it says so. */
export type Declaration =
  | PrincipalDeclaration
  | (Place & { readonly kind: 'Group'; readonly entry: Entry<'groups'> })
  | (Place & { readonly kind: 'Role'; readonly entry: Entry<'roles'> })
  | (Place & { readonly kind: 'AgentType'; readonly entry: Entry<'agentTypes'> })

export type PrincipalDeclaration = Place & {
  readonly kind: 'User' | 'Service' | 'Agent'
  readonly entry: PrincipalEntry
}

interface Place {
  readonly section: Section
  readonly id: string
  /** `file:line: `path``, of a field of this thing where one is named. */
  readonly at: (...field: readonly PropertyKey[]) => string
}

type Section = keyof Manifest['sections']
type Entry<Name extends Section> = NonNullable<Manifest['sections'][Name]>[string]

/** Takes `manifests` together, and names each id and each reference that does not fit them or the directory. */
export function declarationsOf(
  manifests: readonly Manifest[],
  before: Snapshot,
  builtIn: ReadonlySet<string>,
): { readonly declarations: readonly Declaration[]; readonly problems: readonly string[] } {
  const declarations = manifests.flatMap(list)
  const problems = [
    ...repeated(declarations),
    ...declarations.flatMap((declared) => [
      ...otherKind(declared, before),
      ...danglingRoles(declared, declarations, before, builtIn),
      ...(declared.kind === 'Group' ? danglingMembers(declared, declarations, before) : []),
      ...(declared.kind === 'Agent' ? wrongSponsor(declared, declarations, before) : []),
    ]),
    ...sharedKeys(declarations, before),
  ]
  return { declarations, problems }
}

function list(manifest: Manifest): Declaration[] {
  const { sections } = manifest
  const place = (section: Section, id: string): Place => ({
    section,
    id,
    at: (...field) => {
      const path = [section, id, ...field]
      return `${manifest.where(path)}: \`${path.map(String).join('.')}\``
    },
  })
  return [
    ...Object.entries(sections.roles ?? {}).map(
      ([id, entry]) => ({ ...place('roles', id), kind: 'Role', entry }) as const,
    ),
    ...Object.entries(sections.users ?? {}).map(
      ([id, entry]) => ({ ...place('users', id), kind: 'User', entry }) as const,
    ),
    ...Object.entries(sections.services ?? {}).map(
      ([id, entry]) => ({ ...place('services', id), kind: 'Service', entry }) as const,
    ),
    ...Object.entries(sections.agents ?? {}).map(
      ([id, entry]) => ({ ...place('agents', id), kind: 'Agent', entry }) as const,
    ),
    ...Object.entries(sections.agentTypes ?? {}).map(
      ([id, entry]) => ({ ...place('agentTypes', id), kind: 'AgentType', entry }) as const,
    ),
    ...Object.entries(sections.groups ?? {}).map(
      ([id, entry]) => ({ ...place('groups', id), kind: 'Group', entry }) as const,
    ),
  ]
}

function repeated(declarations: readonly Declaration[]): string[] {
  const seen = new Map<string, Declaration>()
  return declarations.flatMap((declared) => {
    const space = isPrincipal(declared) ? 'principal' : declared.kind
    const key = `${space} ${declared.id}`
    const first = seen.get(key)
    seen.set(key, first ?? declared)
    return first === undefined ? [] : [`${declared.at()}: already declared as \`${first.section}.${first.id}\``]
  })
}

function otherKind(declared: Declaration, before: Snapshot): string[] {
  const known = isPrincipal(declared) ? before.principals.get(declared.id) : undefined
  if (known === undefined || known.kind === declared.kind) return []
  return [`${declared.at()}: the directory has this id with the kind ${known.kind}`]
}

function danglingRoles(
  declared: Declaration,
  all: readonly Declaration[],
  before: Snapshot,
  builtIn: ReadonlySet<string>,
): string[] {
  if (declared.kind === 'Role') return []
  const exists = (role: string) =>
    builtIn.has(role) || before.roles.has(role) || all.some((other) => other.kind === 'Role' && other.id === role)
  return (declared.entry.roles ?? [])
    .map(roleNameOf)
    .flatMap((role, index) => (exists(role) ? [] : [`${declared.at('roles', index)}: no role \`${role}\``]))
}

function danglingMembers(
  declared: Declaration & { kind: 'Group' },
  all: readonly Declaration[],
  before: Snapshot,
): string[] {
  return (declared.entry.members ?? []).flatMap((member, index) =>
    kindOf(member, all, before) === undefined
      ? [`${declared.at('members', index)}: no user, service or agent \`${member}\``]
      : [],
  )
}

function wrongSponsor(declared: PrincipalDeclaration, all: readonly Declaration[], before: Snapshot): string[] {
  const { sponsor } = declared.entry
  if (sponsor === undefined) return [] // the schema of agents requires one
  const kind = kindOf(sponsor, all, before)
  if (kind === 'User') return []
  const what = kind === undefined ? `there is no \`${sponsor}\`` : `\`${sponsor}\` is of kind ${kind}`
  return [`${declared.at('sponsor')}: the sponsor of an agent is a user, and ${what}`]
}

/** A key says who somebody is, so it belongs to one principal. */
function sharedKeys(all: readonly Declaration[], before: Snapshot): string[] {
  const owners = new Map<string, string>()
  for (const [owner, keys] of before.keys) for (const thumbprint of keys.keys()) owners.set(thumbprint, owner)
  return all.filter(isPrincipal).flatMap((declared) =>
    (declared.entry.keys ?? []).flatMap(({ thumbprint }, index) => {
      const owner = owners.get(thumbprint) ?? declared.id
      owners.set(thumbprint, owner)
      return owner === declared.id ? [] : [`${declared.at('keys', index)}: this key is registered for \`${owner}\``]
    }),
  )
}

function kindOf(id: string, all: readonly Declaration[], before: Snapshot): string | undefined {
  return before.principals.get(id)?.kind ?? all.find((other) => isPrincipal(other) && other.id === id)?.kind
}

function isPrincipal(declared: Declaration): declared is PrincipalDeclaration {
  return declared.kind === 'User' || declared.kind === 'Service' || declared.kind === 'Agent'
}
