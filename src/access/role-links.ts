import { PersistentMap, type TemplateLink } from '../cedar/index.ts'

/** The grants that roles are in one set of policies: links of templates, with who they are made for. Immutable. */
export interface RoleLinks {
  /** By whom the roles were given to (`User::alice`). */
  readonly byAssignee: PersistentMap<string, readonly RoleLink[]>
  /** How many of those who have a role stand behind a link. */
  readonly uses: PersistentMap<string, number>
  /** Grants that end, in milliseconds since the epoch. */
  readonly ends: PersistentMap<string, number>
}

/** A link that somebody's role makes, and when it ends. */
export interface RoleLink {
  readonly link: TemplateLink
  readonly until: number | undefined
}

export const NO_ROLES: RoleLinks = {
  byAssignee: PersistentMap.of(new Map()),
  uses: PersistentMap.of(new Map()),
  ends: PersistentMap.of(new Map()),
}

/** Whether an id looks like that of a link: policies of files cannot have such. */
export function isLinkId(id: string): boolean {
  return / of .*::.* on .*::/s.test(id)
}

/** What has to change in the engine. */
export interface LinkChange {
  readonly roles: RoleLinks
  readonly remove: readonly string[]
  readonly links: readonly TemplateLink[]
}

/** The links that an assignee has from now on, in place of those before. */
export function changeLinks(before: RoleLinks, assignee: string, next: readonly RoleLink[]): LinkChange {
  let { uses, ends } = before
  const remove: string[] = []
  const links: TemplateLink[] = []
  for (const { link } of before.byAssignee.get(assignee) ?? []) {
    const id = link.newId
    const others = (uses.get(id) ?? 0) - 1
    uses = uses.with(id, others === 0 ? undefined : others)
    if (others > 0) continue
    ends = ends.with(id, undefined)
    remove.push(id)
  }
  for (const { link, until } of next) {
    const id = link.newId
    const others = uses.get(id) ?? 0
    uses = uses.with(id, others + 1)
    if (others > 0) continue
    ends = ends.with(id, until)
    links.push(link)
  }
  const kept = new Set(links.map(({ newId }) => newId))
  const known = new Set(remove)
  return {
    roles: { byAssignee: before.byAssignee.with(assignee, next.length === 0 ? undefined : next), uses, ends },
    remove: remove.filter((id) => !kept.has(id)),
    links: links.filter(({ newId }) => !known.has(newId)),
  }
}
