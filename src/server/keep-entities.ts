import type { Access, AccessRequests } from '../access/index.ts'
import type { Catalog } from '../gateway/index.ts'
import type { Directory, DirectoryEntity, ResourceRef } from '../identity/index.ts'
import type { TenantId } from '../kernel/index.ts'
import { rolesIn, rolesOf } from './roles.ts'

export interface KeptEntities {
  readonly tenant: TenantId
  readonly access: Access
  readonly directory: Directory
  readonly catalog: Pick<Catalog, 'entities' | 'onChange'>
  /** What has been given for a time, beside what the directory says. */
  readonly requests?: Pick<AccessRequests, 'grants'>
  /** Where a change of very many roles, which takes several turns, could not be brought to its end. */
  readonly report: (error: unknown) => void
}

/** Policies see the directory and the catalogue as they are now: what changes is put, and nothing else. */
export function keepEntities({ tenant, access, directory, catalog, requests, report }: KeptEntities): void {
  const root = { type: 'Tenant', id: tenant }
  access.putEntities('tenant', [{ uid: root, attrs: {}, parents: [] }])
  const placed = (entity: DirectoryEntity): DirectoryEntity =>
    isPlaced(entity) ? entity : { ...entity, parents: [...entity.parents, root] }
  const putCatalog = (): void =>
    access.putEntities(
      'catalog',
      catalog.entities().map((entity) => (entity.parents.length === 0 ? { ...entity, parents: [root] } : entity)),
    )
  let declared = declaredIn(directory)
  access.putEntities('directory', directory.entities().map(placed))
  putScores(
    [...directory.principals()].map(({ kind, id }) => ({ type: kind, id })),
    access,
    directory,
  )
  access.setRoles(rolesIn(directory, requests))
  putCatalog()

  directory.onChange((_, changed) => {
    const found = changed.map((uid) => [uid, directory.entity(uid)] as const)
    access.changeEntities('directory', {
      put: found.flatMap(([, entity]) => (entity === undefined ? [] : [{ entity: placed(entity) }])),
      remove: found.flatMap(([uid, entity]) => (entity === undefined ? [uid] : [])),
    })
    putScores(changed, access, directory)
    const now = declaredIn(directory)
    if (now !== declared) {
      declared = now
      access.setRoles(rolesIn(directory, requests))
    } else {
      access.changeRoles(changed, rolesOf(directory, requests)).catch(report)
    }
  })
  catalog.onChange(putCatalog)
}

/** What those who watch say of these principals, as long as it counts. */
function putScores(changed: readonly ResourceRef[], access: Access, directory: Directory): void {
  const scores = changed.map((uid) => [uid, directory.principal(uid.id)?.risk] as const)
  access.changeEntities('risk', {
    put: scores.flatMap(([uid, risk]) =>
      risk === undefined ? [] : [{ entity: { uid, attrs: { risk: risk.score } }, until: risk.until }],
    ),
    remove: scores.flatMap(([uid, risk]) => (risk === undefined ? [uid] : [])),
  })
}

/** Principals that no project has are the tenant's own; groups, roles and types are nobody's. */
function isPlaced({ uid, parents }: DirectoryEntity): boolean {
  return !PRINCIPALS.has(uid.type) || parents.some(({ type }) => type === 'Project')
}

const PRINCIPALS: ReadonlySet<string> = new Set(['User', 'Service', 'Agent', 'Device'])

function declaredIn(directory: Directory): string {
  return [...directory.roles()].map(({ id }) => id).join()
}
