import { z } from 'zod'

/** A role that somebody has. */
export interface RoleAssignment {
  readonly role: string
  readonly assignee: {
    readonly type: 'User' | 'Service' | 'Agent' | 'Device' | 'Group' | 'AgentType'
    readonly id: string
  }
  /** The project, environment or resource that it is limited to; everywhere in the tenant without one. */
  readonly on: ResourceRef | undefined
  /** When it ends, in milliseconds since the epoch. */
  readonly until: number | undefined
}

/** A role as somebody has it. */
export type HeldRole = Omit<RoleAssignment, 'assignee'>

export interface ResourceRef {
  readonly type: string
  readonly id: string
}

/**
 * `Project::churn`, as manifests and commands write it; quotes around the id may be left out. A type in a namespace needs
 * them: `Shop::Order::"7"`.
 */
export function parseResourceRef(text: string): ResourceRef | undefined {
  const match = /^(?:((?:\w+::)*[A-Z]\w*)::"([^"]+)"|([A-Z][A-Za-z0-9]*)::(.+))$/.exec(text)
  const [, of, quoted, plainOf, plain] = match ?? []
  const type = of ?? plainOf
  const id = quoted ?? plain
  return type === undefined || id === undefined || id.length > 1024 ? undefined : { type, id }
}

const resource = z.string().transform((text, ctx) => {
  const ref = parseResourceRef(text)
  if (ref !== undefined) return ref
  ctx.addIssue({ code: 'custom', message: 'must be a type and an id, as in `Project::churn`' })
  return z.NEVER
})

const moment = z.iso
  .datetime({ offset: true, error: 'must be a moment, as in `2026-12-31T18:00:00Z`' })
  .transform((text) => Date.parse(text))

/** One entry of `roles`: the name alone, or with what it is limited to. */
export const roleEntry = (id: z.ZodType<string>) =>
  z.union([id, z.strictObject({ role: id, on: resource.optional(), until: moment.optional() })], {
    error: (issue) => (typeof issue.input === 'object' ? 'needs `role`, and may have `on` and `until`' : undefined),
  })

export type RoleEntry = z.output<ReturnType<typeof roleEntry>>

export function heldRole(entry: RoleEntry): HeldRole {
  return typeof entry === 'string'
    ? { role: entry, on: undefined, until: undefined }
    : { role: entry.role, on: entry.on, until: entry.until }
}

export function roleNameOf(entry: RoleEntry): string {
  return typeof entry === 'string' ? entry : entry.role
}

/** One text for each way of having a role. */
export function heldRoleKey({ role, on, until }: HeldRole): string {
  return JSON.stringify([role, on?.type, on?.id, until])
}
