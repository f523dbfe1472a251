import type { AccessRequest, EntityJson, Uid } from '../src/cedar/index.ts'

/** Policies, entities and requests of one application. */
export interface Workload {
  readonly name: string
  readonly policies: string
  readonly entities: readonly EntityJson[]
  readonly requests: readonly AccessRequest[]
}

/** Random numbers that are the same in every run. */
class Dice {
  #state = 42

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * limit)
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  some<T>(list: readonly T[], chance: number): T[] {
    return list.filter(() => this.below(1000) < chance * 1000)
  }
}

const uids = (type: string, count: number): Uid[] =>
  Array.from({ length: count }, (_, i) => ({ type, id: `${type}-${i}` }))
const action = (id: string): Uid => ({ type: 'Action', id })
const entity = (uid: Uid): { __entity: Uid } => ({ __entity: uid })

function requestsFor(
  dice: Dice,
  principals: readonly Uid[],
  actions: readonly string[],
  resources: readonly Uid[],
): AccessRequest[] {
  return Array.from({ length: 512 }, () => ({
    principal: dice.pick(principals),
    action: action(dice.pick(actions)),
    resource: dice.pick(resources),
  }))
}

/** Documents in folders, shared with people and groups; after the Google Drive example of the Cedar paper. */
export function gdrive(n: number): Workload {
  const dice = new Dice()
  const [users, groups, documents, folders] = [
    uids('User', n),
    uids('Group', n),
    uids('Document', n),
    uids('Folder', n),
  ]
  const views = users.map((_, i) => ({ type: 'View', id: `View-${i}` }))
  const entities: EntityJson[] = [
    ...users.map((uid, i) => ({
      uid,
      attrs: {
        view: entity({ type: 'View', id: `View-${i}` }),
        ownedDocuments: dice.some(documents, 3 / n).map(entity),
        ownedFolders: dice.some(folders, 3 / n).map(entity),
      },
      parents: dice.some(groups, 3 / n),
    })),
    ...groups.map((uid, i) => ({ uid, parents: dice.some(groups.slice(0, i), 1 / n) })),
    ...views.map((uid) => ({ uid, parents: [] })),
    ...folders.map((uid, i) => ({
      uid,
      parents: [...dice.some(folders.slice(0, i), 1 / n), ...dice.some(views, 2 / n)],
    })),
    ...documents.map((uid) => ({
      uid,
      attrs: { isPublic: dice.below(10) === 0, editors: entity(dice.pick(groups)) },
      parents: [dice.pick(folders), ...dice.some(views, 2 / n)],
    })),
  ]
  const policies = `
    permit(principal is User, action in [Action::"read", Action::"comment"], resource is Document)
      when { resource in principal.view };
    permit(principal is User, action in [Action::"read", Action::"write", Action::"share", Action::"comment"], resource is Document)
      when { resource in principal.ownedDocuments || resource in principal.ownedFolders };
    permit(principal is User, action == Action::"write", resource is Document) when { principal in resource.editors };
    permit(principal, action == Action::"read", resource is Document) when { resource.isPublic };
    forbid(principal is User, action == Action::"share", resource is Document) unless { principal.ownedDocuments.contains(resource) };`
  const requests = requestsFor(dice, users, ['read', 'write', 'share', 'comment'], documents)
  return { name: `gdrive, N = ${n}`, policies, entities, requests }
}

/** Repositories with readers, triagers, writers, maintainers and administrators; after the GitHub example of the paper. */
export function github(n: number): Workload {
  const dice = new Dice()
  const [users, teams, repositories, organisations] = [
    uids('User', n),
    uids('Team', n),
    uids('Repository', n),
    uids('Organisation', n),
  ]
  const ranks = ['readers', 'triagers', 'writers', 'maintainers', 'admins'] as const
  const rankUid = (repository: Uid, rank: string): Uid => ({ type: 'Permission', id: `${repository.id} ${rank}` })
  const held = repositories.flatMap((repository) => ranks.map((rank) => rankUid(repository, rank)))
  const entities: EntityJson[] = [
    ...users.map((uid) => ({
      uid,
      parents: [...dice.some(teams, 3 / n), ...dice.some(held, 1 / n), ...dice.some(organisations, 1 / n)],
    })),
    ...teams.map((uid, i) => ({ uid, parents: [...dice.some(teams.slice(0, i), 1 / n), ...dice.some(held, 1 / n)] })),
    ...organisations.map((uid) => ({ uid, parents: [] })),
    ...repositories.flatMap((uid) => {
      // Who may do more may do less: each rank is in the one below it.
      const permissions = ranks.map((rank, i) => ({
        uid: rankUid(uid, rank),
        parents: i === 0 ? [] : [rankUid(uid, ranks[i - 1] ?? 'readers')],
      }))
      const attrs = Object.fromEntries(ranks.map((rank) => [rank, entity(rankUid(uid, rank))]))
      return [
        ...permissions,
        { uid, attrs: { ...attrs, archived: dice.below(20) === 0 }, parents: [dice.pick(organisations)] },
      ]
    }),
  ]
  const grants = [
    ['readers', ['pull', 'fork']],
    ['triagers', ['assignIssue', 'labelIssue']],
    ['writers', ['push', 'editIssue']],
    ['maintainers', ['deleteIssue']],
    ['admins', ['addReader', 'addWriter', 'addAdmin']],
  ] as const
  const permits = grants.map(
    ([rank, actions]) =>
      `permit(principal is User, action in [${actions.map((a) => `Action::"${a}"`).join(', ')}], resource is Repository) when { principal in resource.${rank} };`,
  )
  const policies = `${permits.join('\n')}
    forbid(principal, action in [Action::"push", Action::"editIssue"], resource is Repository) when { resource.archived };`
  const requests = requestsFor(
    dice,
    users,
    grants.flatMap(([, actions]) => actions),
    repositories,
  )
  return { name: `github, N = ${n}`, policies, entities, requests }
}

/** To-do lists with owners, readers and editors; after the TinyTodo example of the paper. */
export function tinytodo(n: number): Workload {
  const dice = new Dice()
  const [users, teams, lists] = [uids('User', n), uids('Team', n), uids('List', n)]
  const application = { type: 'Application', id: 'TinyTodo' }
  const entities: EntityJson[] = [
    { uid: application },
    ...users.map((uid) => ({
      uid,
      attrs: { location: dice.pick(['here', 'there']) },
      parents: [application, ...dice.some(teams, 3 / n)],
    })),
    ...teams.map((uid, i) => ({ uid, parents: dice.some(teams.slice(0, i), 1 / n) })),
    ...lists.map((uid) => ({
      uid,
      attrs: {
        owner: entity(dice.pick(users)),
        readers: entity(dice.pick(teams)),
        editors: entity(dice.pick(teams)),
        tasks: [],
      },
      parents: [application],
    })),
  ]
  const policies = `
    permit(principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");
    permit(principal, action, resource is List) when { resource.owner == principal };
    permit(principal, action == Action::"GetList", resource is List)
      when { principal in resource.readers || principal in resource.editors };
    permit(principal, action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"], resource is List)
      when { principal in resource.editors };`
  const actions = ['GetList', 'UpdateList', 'DeleteList', 'CreateTask', 'UpdateTask', 'DeleteTask']
  return { name: `tinytodo, N = ${n}`, policies, entities, requests: requestsFor(dice, users, actions, lists) }
}

/** One policy for each role, and what can be done with the projects of that role. */
export function roles(count: number): Workload {
  const dice = new Dice()
  const users = uids('User', 1000)
  const documents = uids('Document', 1000)
  const entities: EntityJson[] = [
    ...users.map((uid, i) => ({ uid, parents: [i, i * 7 + 1].map((r) => ({ type: 'Role', id: `r${r % count}` })) })),
    ...documents.map((uid, i) => ({
      uid,
      attrs: { status: 'active' },
      parents: [{ type: 'Project', id: `p${i % count}` }],
    })),
  ]
  const policies = Array.from(
    { length: count },
    (_, i) =>
      `@id("role ${i}") permit(principal in Role::"r${i}", action in [Action::"read", Action::"list"], resource in Project::"p${i}") when { resource.status == "active" };`,
  )
  // Half of the requests are within the user's own project.
  const requests = Array.from({ length: 512 }, (_, i) => {
    const index = dice.below(1000)
    const own = documents[index] ?? dice.pick(documents)
    return {
      principal: users[index] ?? dice.pick(users),
      action: action(dice.pick(['read', 'list'])),
      resource: i % 2 === 0 ? own : dice.pick(documents),
    }
  })
  return { name: `${count} role policies`, policies: policies.join('\n'), entities, requests }
}

/** What the role policies are about. */
export const ROLES_SCHEMA = `
  entity Role, Project;
  entity User in [Role] { level: Long };
  entity Document in [Project] { status: String };
  action read, list appliesTo { principal: User, resource: Document };`

/** Policies that differ only in a condition. */
export function conditions(count: number): Workload {
  const dice = new Dice()
  const users = uids('User', 1000)
  const documents = uids('Document', 1000)
  const entities: EntityJson[] = [
    ...users.map((uid) => ({ uid, attrs: { level: dice.below(10) } })),
    ...documents.map((uid, i) => ({ uid, attrs: { project: `p${i % count}` } })),
  ]
  const policies = Array.from(
    { length: count },
    (_, i) => `permit(principal, action, resource) when { resource.project == "p${i}" && principal.level > 3 };`,
  )
  return {
    name: `${count} condition-only policies`,
    policies: policies.join('\n'),
    entities,
    requests: requestsFor(dice, users, ['read', 'list'], documents),
  }
}
