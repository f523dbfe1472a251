import type { Principal } from './principal.ts'
import type { HeldRole } from './role-assignment.ts'
import type { Snapshot } from './snapshot.ts'

// A type, not an interface: it has to pass as JSON.
type Uid = { readonly type: string; readonly id: string }

/** An entity in Cedar's JSON form. */
export interface DirectoryEntity {
  readonly uid: Uid
  readonly attrs: { readonly [name: string]: string | { readonly __entity: Uid } }
  readonly parents: readonly Uid[]
}

/** The directory as policies see it: principals under their groups, roles and agent type. */
export function entitiesOf(snapshot: Snapshot): DirectoryEntity[] {
  const principals = [...snapshot.principals.values()]
  const typeRoles = snapshot.heldRoles.agent_type
  const types = new Set([...principals.flatMap((principal) => principal.agentType ?? []), ...typeRoles.keys()])
  return [
    ...[...snapshot.roles.keys()].map((id) => bare('Role', id)),
    ...[...snapshot.groups.keys()].map((id) => bare('Group', id)),
    ...[...types].sort().map((id) => ({ ...bare('AgentType', id), parents: rolesEverywhere(typeRoles.get(id)) })),
    ...principals.map(entityOf),
  ]
}

function bare(type: string, id: string): DirectoryEntity {
  return { uid: { type, id }, attrs: {}, parents: [] }
}

function rolesEverywhere(held: readonly HeldRole[] | undefined): readonly Uid[] {
  return (held ?? [])
    .filter(({ on, until }) => on === undefined && until === undefined)
    .map(({ role }) => ({ type: 'Role', id: role }))
}

function entityOf(principal: Principal): DirectoryEntity {
  const { kind, id, name, status, sponsor, agentType } = principal
  return {
    uid: { type: kind, id },
    attrs: {
      name,
      status,
      ...(sponsor === undefined ? {} : { sponsor: { __entity: { type: 'User', id: sponsor } } }),
    },
    parents: [
      ...principal.groups.map((group) => ({ type: 'Group', id: group })),
      ...principal.roles.map((role) => ({ type: 'Role', id: role })),
      ...(agentType === undefined ? [] : [{ type: 'AgentType', id: agentType }]),
    ],
  }
}
