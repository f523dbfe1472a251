import type { Principal } from './principal.ts'
import type { HeldRole } from './role-assignment.ts'
import type { Snapshot } from './snapshot.ts'

// A type, not an interface: it has to pass as JSON.
type Uid = { readonly type: string; readonly id: string }

/** An entity in Cedar's JSON form. */
export interface DirectoryEntity {
  readonly uid: Uid
  readonly attrs: { readonly [name: string]: string | number | { readonly __entity: Uid } }
  readonly parents: readonly Uid[]
}

/** The directory as policies see it: principals under their groups, roles and agent type. */
export function entitiesOf(snapshot: Snapshot): DirectoryEntity[] {
  const types = new Set([
    ...[...snapshot.principals.values()].flatMap((principal) => principal.agentType ?? []),
    ...snapshot.heldRoles.agent_type.keys(),
  ])
  return [
    ...[...snapshot.roles.keys()].sort().map((id) => bare('Role', id)),
    ...[...snapshot.groups.keys()].sort().map((id) => bare('Group', id)),
    ...[...types].sort().map((id) => agentTypeOf(id, snapshot)),
    ...[...snapshot.principals.keys()].sort().flatMap((id) => {
      const principal = snapshot.principals.get(id)
      return principal === undefined ? [] : [principalOf(principal)]
    }),
  ]
}

/** One of them; undefined for what is not there. An agent type is there as soon as somebody names it. */
export function entityOf({ type, id }: Uid, snapshot: Snapshot): DirectoryEntity | undefined {
  if (type === 'Role') return snapshot.roles.has(id) ? bare(type, id) : undefined
  if (type === 'Group') return snapshot.groups.has(id) ? bare(type, id) : undefined
  if (type === 'AgentType') return agentTypeOf(id, snapshot)
  const principal = snapshot.principals.get(id)
  return principal?.kind === type ? principalOf(principal) : undefined
}

function bare(type: string, id: string): DirectoryEntity {
  return { uid: { type, id }, attrs: {}, parents: [] }
}

function agentTypeOf(id: string, { heldRoles }: Snapshot): DirectoryEntity {
  return { ...bare('AgentType', id), parents: rolesEverywhere(heldRoles.agent_type.get(id)) }
}

function rolesEverywhere(held: readonly HeldRole[] | undefined): readonly Uid[] {
  return (held ?? [])
    .filter(({ on, until }) => on === undefined && until === undefined)
    .map(({ role }) => ({ type: 'Role', id: role }))
}

function principalOf(principal: Principal): DirectoryEntity {
  const { kind, id, name, status, sponsor, agentType, project, level } = principal
  return {
    uid: { type: kind, id },
    attrs: {
      name,
      status,
      ...(sponsor === undefined ? {} : { sponsor: { __entity: { type: 'User', id: sponsor } } }),
      ...(level === undefined ? {} : { level }),
    },
    parents: [
      ...principal.groups.map((group) => ({ type: 'Group', id: group })),
      ...principal.roles.map((role) => ({ type: 'Role', id: role })),
      ...(agentType === undefined ? [] : [{ type: 'AgentType', id: agentType }]),
      ...(project === undefined ? [] : [{ type: 'Project', id: project }]),
    ],
  }
}
