import { constantShape, type PolicyInfo, shapeText } from '../../cedar/index.ts'
import { templatesOf } from '../roles.ts'
import { type Measured, placeOf, statementsOf } from './statements.ts'

/** How far a tenant has gone from what ships with the product: roles and packs are shared ground, all else is its own. */
export interface Drift {
  /** Statements that are neither a role's nor a pack's. */
  readonly own: number
  readonly shared: number
  /** `100 * own / (own + shared)` */
  readonly percent: number
  /** Roles of the product that the tenant has defined anew. */
  readonly redefinedRoles: readonly string[]
  /** Actions that own statements permit and no role and no pack of the tenant does; groups count as they are named. */
  readonly grantsBeyond: readonly string[]
  /** Own statements that permit every action. */
  readonly grantsEverything: readonly string[]
  /** Own forbids. */
  readonly forbids: readonly { readonly id: string; readonly place: string }[]
}

export function driftOf({ set, roles }: Measured): Drift {
  const statements = statementsOf(set)
  const ofProduct = statements.filter(isOfProduct)
  const others = statements.filter((one) => !isOfProduct(one))
  const shared = others.filter(isOfPack)
  const own = others.filter((one) => !isOfPack(one))
  const templates = templatesOf(set.engine, roles.declared)
  const common = new Set(
    [...[...templates.values()].flat(), ...ofProduct.filter(({ effect }) => effect === 'permit'), ...shared].flatMap(
      actionsIn,
    ),
  )
  const grants = own.filter(
    ({ effect, id }) =>
      effect === 'permit' && !set.ceilings.byPolicy.has(id) && set.limits?.statements.has(id) !== true,
  )
  const beyond = new Set(grants.flatMap(actionsIn).filter((action) => !common.has(action)))
  const used = new Set(roles.grants.map(({ role }) => role))
  const inUse = ofProduct.filter(({ annotations: { role } }) => role !== undefined && used.has(role)).length
  const whole = own.length + shared.length + inUse
  return {
    own: own.length,
    shared: shared.length + inUse,
    percent: whole === 0 ? 0 : Math.round((own.length * 100) / whole),
    redefinedRoles: [...new Set(ofProduct.flatMap(({ annotations: { role } }) => role ?? []))]
      .filter((role) => roles.declared.has(role) && own.some(({ annotations }) => annotations.role === role))
      .sort(),
    grantsBeyond: [...beyond].sort(),
    grantsEverything: grants.filter((one) => actionsIn(one).length === 0 && !namesAction(one)).map(({ id }) => id),
    forbids: own.filter(({ effect }) => effect === 'forbid').map((one) => ({ id: one.id, place: placeOf(one) })),
  }
}

/** What several tenants have in common, and what only some of them have. */
export interface Differences {
  readonly tenants: readonly string[]
  /** Shapes of statements that all of them have. */
  readonly common: number
  /** Of those that some have and others lack, the most widespread first. */
  readonly partial: readonly {
    readonly shape: string
    readonly has: readonly string[]
    readonly lacks: readonly string[]
  }[]
  /** How much of their shapes two tenants share, in percent. */
  readonly likeness: readonly { readonly a: string; readonly b: string; readonly percent: number }[]
}

export function differencesOf(tenants: ReadonlyMap<string, Measured>): Differences {
  const shapes = new Map(
    [...tenants].map(([name, { set }]) => [
      name,
      new Set(
        statementsOf(set)
          .filter((one) => !isOfProduct(one))
          .map(({ text }) => constantShape(text).shape),
      ),
    ]),
  )
  const names = [...tenants.keys()]
  const having = new Map<string, string[]>()
  for (const [name, own] of shapes) {
    for (const shape of own) having.set(shape, [...(having.get(shape) ?? []), name])
  }
  const likeness = names.flatMap((a, index) =>
    names.slice(index + 1).map((b) => ({ a, b, percent: likenessOf(shapes.get(a), shapes.get(b)) })),
  )
  return {
    tenants: names,
    common: [...having.values()].filter((has) => has.length === names.length).length,
    partial: [...having]
      .filter(([, has]) => has.length < names.length)
      .map(([shape, has]) => ({ shape: shapeText(shape, []), has, lacks: names.filter((name) => !has.includes(name)) }))
      .sort((a, b) => b.has.length - a.has.length || (a.shape < b.shape ? -1 : 1)),
    likeness: likeness.sort((a, b) => a.percent - b.percent),
  }
}

function likenessOf(a: ReadonlySet<string> = new Set(), b: ReadonlySet<string> = new Set()): number {
  const all = new Set([...a, ...b])
  if (all.size === 0) return 100
  return Math.round(([...all].filter((shape) => a.has(shape) && b.has(shape)).length * 100) / all.size)
}

function isOfProduct({ position: { source } }: PolicyInfo): boolean {
  return source?.startsWith('foundation/') === true
}

function isOfPack({ position: { source } }: PolicyInfo): boolean {
  return source?.startsWith('packs/') === true
}

/** Actions and groups that a statement names, wherever it does. */
function actionsIn({ text }: PolicyInfo): readonly string[] {
  return constantShape(text)
    .constants.filter(({ type }) => type === 'Action' || type.endsWith('::Action'))
    .map(({ text: name }) => {
      const at = name.lastIndexOf('::"')
      const type = name.slice(0, at)
      const id = name.slice(at + 3, -1)
      return type === 'Action' ? id : `${type.slice(0, -'::Action'.length)}::${id}`
    })
}

function namesAction({ text }: PolicyInfo): boolean {
  return /\baction\s*(?:==|in)/.test(text)
}
