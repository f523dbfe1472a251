import { z } from 'zod'
import { parseSections } from '../../identity/index.ts'

/** What a migration renames and splits, as its file says it; nothing is checked against a folder yet. */
export interface MigrationPlan {
  readonly file: string
  readonly actions: ReadonlyMap<string, readonly PlannedAction[]>
  readonly types: ReadonlyMap<string, readonly PlannedType[]>
  /** By type, or by the action whose context it is. */
  readonly attributes: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly roles: ReadonlyMap<string, readonly PlannedRole[]>
  /** Names may change places: `a` becomes `b` and `b` becomes `a`. */
  readonly isSimultaneous: boolean
  readonly announced: readonly Announced[]
  /** `file:line` */
  where(path: readonly PropertyKey[]): string
}

export interface PlannedType {
  readonly to: string
  /** Over `resource`, as it is declared. */
  readonly when?: string | undefined
  /** Ids. */
  readonly only?: readonly string[] | undefined
}

export interface PlannedAction {
  readonly to: string
  readonly on?: readonly string[] | undefined
  readonly when?: string | undefined
  readonly notIn?: readonly string[] | undefined
}

export interface PlannedRole {
  readonly to: string
  readonly policies?: readonly string[] | undefined
}

/** A change of decisions that is meant: a case of the tests, or requests by what they have in common. */
export type Announced =
  | { readonly case: string }
  | {
      readonly effect: 'allowed' | 'denied'
      readonly action?: string | undefined
      readonly principal?: string | undefined
      readonly resource?: string | undefined
    }

const NAME = String.raw`(?:[A-Za-z_]\w*::)*`
const action = z
  .string()
  .regex(new RegExp(`^${NAME}[A-Za-z_][\\w./-]*(?::[\\w./-]+)*$`), 'must be an action, as in `Shop::order:read`')
const type = z.string().regex(new RegExp(`^${NAME}[A-Za-z_]\\w*$`), 'must be a type, as in `Shop::Order`')
const owner = z.union([type, action], { error: 'must be a type, or an action whose context is meant' })
const attribute = z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of an attribute')
const role = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,126}[A-Za-z0-9])?$/, 'must be the name of a role')
const text = z.string().min(1).max(4096)
const policies = z.array(text).max(10_000)

/** A name alone is a list of one part. */
const listed = (value: unknown): unknown => (typeof value === 'string' ? [{ to: value }] : value)
const actionParts = z.preprocess(
  listed,
  z
    .array(
      z.strictObject({
        to: action,
        on: z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(type).min(1)).optional(),
        when: text.optional(),
        notIn: policies.optional(),
      }),
    )
    .min(1),
)
const typeParts = z.preprocess(
  listed,
  z
    .array(z.strictObject({ to: type, when: text.optional(), only: z.array(text).min(1).max(100_000).optional() }))
    .min(1),
)
const roleParts = z.preprocess(listed, z.array(z.strictObject({ to: role, policies: policies.optional() })).min(1))

const planSections = {
  about: text,
  actions: z.record(action, actionParts),
  types: z.record(type, typeParts),
  attributes: z.record(owner, z.record(attribute, attribute)),
  roles: z.record(role, roleParts),
  simultaneous: z.boolean(),
  announce: z
    .array(
      z.union([
        z.strictObject({ case: text }),
        z.strictObject({
          effect: z.enum(['allowed', 'denied']),
          action: action.optional(),
          principal: text.optional(),
          resource: text.optional(),
        }),
      ]),
    )
    .max(1000),
}

/** Reads a plan. Throws `manifest_invalid` with file and line of every problem. */
export function parsePlan(source: { readonly name: string; readonly text: string }): MigrationPlan {
  const { sections, where } = parseSections(source.text, source.name, planSections)
  const { actions = {}, types = {}, attributes = {}, roles = {}, simultaneous = false, announce = [] } = sections
  return {
    file: source.name,
    actions: new Map(Object.entries(actions)),
    types: new Map(Object.entries(types)),
    attributes: new Map(Object.entries(attributes).map(([of, names]) => [of, new Map(Object.entries(names))])),
    roles: new Map(Object.entries(roles)),
    isSimultaneous: simultaneous,
    announced: announce,
    where,
  }
}
