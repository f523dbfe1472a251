// Houses of random policies in layers, and questions about them, for tests of what holds whatever the policies are.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Context, fakeClock, type Mandate, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { type Access, openAccess } from './access.ts'
import type { Layer, PolicyFile } from './layers.ts'
import type { Question } from './question.ts'

/** The rule, written a second time and as plainly as it can be said. */
export function reference(house: House, { chain, action, resource, mandate }: Asked): 'allow' | 'deny' {
  const applies = (file: File, statement: Statement, principal: string): boolean =>
    concerns(file.layer, principal, resource) && matches(statement, principal, action, resource)
  const every = chain.every((principal) => {
    const statements = house.flatMap((file) => file.statements.map((statement) => ({ file, statement })))
    const granted = statements.some(
      ({ file, statement }) =>
        file.as === 'grants' &&
        statement.effect === 'permit' &&
        !statement.fails &&
        applies(file, statement, principal),
    )
    const forbidden = statements.some(
      ({ file, statement }) => statement.effect === 'forbid' && applies(file, statement, principal),
    )
    const within = house
      .filter((file) => file.as === 'ceiling' && concerns(file.layer, principal, resource))
      .every((file) => {
        const applying = file.statements.filter((statement) => applies(file, statement, principal))
        return applying.length > 0 && applying.every(({ fails }) => !fails)
      })
    return granted && within && !forbidden
  })
  return every && covers(mandate, action, resource) ? 'allow' : 'deny'
}

function covers(mandate: Mandate | undefined, action: string, resource: string): boolean {
  if (mandate === undefined) return true
  const own = mandate.actions.includes(action) && mandate.resources.some(({ id }) => PARENTS[resource]?.includes(id))
  return own && covers(mandate.within, action, resource)
}

export const PARENTS: Readonly<Record<string, readonly string[]>> = {
  alice: ['alice', 'staff'],
  bob: ['bob'],
  scout: ['scout', 'helper'],
  stray: ['stray'],
  north: ['north', 'p'],
  south: ['south', 'q'],
  loose: ['loose'],
}
const KINDS = { alice: 'User', bob: 'User', scout: 'Agent', stray: 'Agent' } as const
const TYPES: Readonly<Record<string, string>> = {
  ...KINDS,
  staff: 'Group',
  helper: 'AgentType',
  north: 'Doc',
  south: 'Doc',
  loose: 'Doc',
  p: 'Project',
  q: 'Project',
}
type Name = keyof typeof KINDS

export interface Statement {
  readonly effect: 'permit' | 'forbid'
  readonly who: string | undefined
  readonly action: string | undefined
  readonly what: string | undefined
  /** Whether it cannot be evaluated where its scope holds. */
  readonly fails: boolean
  /** Whether it refuses in observe too; of a forbid. */
  readonly always?: boolean
}
export interface File {
  readonly layer: Layer
  readonly as: 'grants' | 'ceiling'
  readonly statements: readonly Statement[]
}
export type House = readonly File[]
export interface Asked {
  readonly chain: readonly [Name, ...Name[]]
  readonly action: string
  readonly resource: string
  readonly mandate: Mandate | undefined
}

export function concerns(layer: Layer, principal: string, resource: string): boolean {
  if (layer.kind === 'project') return PARENTS[resource]?.includes(layer.id) === true
  return layer.kind !== 'agent' || PARENTS[principal]?.includes(layer.id) === true
}

function matches({ who, action, what }: Statement, principal: string, asked: string, resource: string): boolean {
  return (
    (who === undefined || PARENTS[principal]?.includes(who) === true) &&
    (action === undefined || action === asked) &&
    (what === undefined || PARENTS[resource]?.includes(what) === true)
  )
}

const SCHEMA = `
  entity Project; entity Group; entity AgentType;
  entity User in [Group]; entity Agent in [AgentType]; entity Doc in [Project];
  action read, write appliesTo { principal: [User, Agent], resource: Doc, context: { chainLength: Long } };
`
export const clock = fakeClock()

export async function opened(house: House): Promise<Access> {
  const files = house.map(fileOf)
  const isFoundation = (file: PolicyFile): boolean => file.layer?.kind === 'foundation'
  const access = openAccess({ schema: SCHEMA, policies: files.filter(isFoundation) })
  await access.setPolicies(files.filter((file) => !isFoundation(file)))
  access.putEntities(
    'test',
    Object.entries(TYPES).map(([id, type]) => ({
      uid: { type, id },
      parents: (PARENTS[id] ?? []).slice(1).map((parent) => ({ type: TYPES[parent] ?? '', id: parent })),
    })),
  )
  return access
}

function fileOf({ layer, as, statements }: File, index: number): PolicyFile {
  const target = (name: string, id: string | undefined): string =>
    id === undefined ? name : `${name} in ${TYPES[id]}::"${id}"`
  const text = statements.map(({ effect, who, action, what, fails, always }, number) => {
    const scope = [
      target('principal', who),
      action === undefined ? 'action' : `action == Action::"${action}"`,
      target('resource', what),
    ]
    const condition = fails ? 'when { context.chainLength + 9223372036854775807 > 0 }' : ''
    const annotation = always === true && effect === 'forbid' ? '@always ' : ''
    return `@id("${index}-${number}") ${annotation}${effect} (${scope.join(', ')}) ${condition};`
  })
  return { name: `${index}.cedar`, text: text.join('\n'), layer, as }
}

export function ask(access: Access, asked: Asked): 'allow' | 'deny' {
  return access.decide(contextOf(asked), questionOf(asked)).decision
}

export function questionOf({ action, resource }: Asked): Question {
  return { action, resource: { type: 'Doc', id: resource } }
}

export function contextOf({ chain, mandate }: Asked): Context {
  const [first, ...rest] = chain.map((id) => ({ kind: KINDS[id], id: id as string as PrincipalId })) // ids of this file
  assert.ok(first !== undefined)
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [first, ...rest],
      delegation: undefined,
      ...(mandate === undefined ? {} : { mandate }),
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

export const people = ['alice', 'bob', 'scout', 'stray'] as const
const docs = ['north', 'south', 'loose'] as const
const actions = ['read', 'write'] as const
const rarely = (weight: number) => fc.nat(99).map((n) => n < weight)
const optional = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 1 })

const statement = (effects: readonly Statement['effect'][]) =>
  fc.record({
    effect: fc.constantFrom(...effects),
    who: optional([...people, 'staff', 'helper']),
    action: optional(actions),
    what: optional([...docs, 'p', 'q']),
    fails: rarely(10),
    always: rarely(20),
  })
export const lower = fc.constantFrom<Layer>(
  { kind: 'tenant' },
  { kind: 'project', id: 'p' },
  { kind: 'project', id: 'q' },
  { kind: 'agent', type: 'AgentType', id: 'helper' },
  { kind: 'agent', type: 'Agent', id: 'stray' },
)
const foundation = fc.constant<Layer>({ kind: 'foundation' })
export const file = (layer: fc.Arbitrary<Layer>, as: File['as'], effects: readonly Statement['effect'][]) =>
  fc.record({ layer, as: fc.constant(as), statements: fc.array(statement(effects), { maxLength: 4 }) })
const grants = file(lower, 'grants', ['permit', 'permit', 'forbid'])
export const ceiling = file(fc.oneof(lower, foundation), 'ceiling', ['permit'])
export const guardrail = file(foundation, 'grants', ['forbid'])
export const house = fc.array(
  fc.oneof({ weight: 4, arbitrary: grants }, { weight: 1, arbitrary: ceiling }, guardrail),
  {
    minLength: 1,
    maxLength: 5,
  },
)
const plainMandate = fc.record({
  actions: fc.subarray([...actions]),
  resources: fc.subarray(['north', 'loose', 'p', 'q']).map((ids) => ids.map((id) => ({ type: TYPES[id] ?? '', id }))),
  expiresAt: fc.constant(clock.now() + 1),
})
export const mandate: fc.Arbitrary<Mandate> = fc
  .tuple(plainMandate, fc.option(plainMandate, { nil: undefined, freq: 1 }))
  .map(([own, within]) => (within === undefined ? own : { ...own, within }))
const asked: fc.Arbitrary<Asked> = fc.record({
  chain: fc
    .tuple(fc.constantFrom(...people), fc.array(fc.constantFrom(...people), { maxLength: 2 }))
    .map(([first, rest]): [Name, ...Name[]] => [first, ...rest]),
  action: fc.constantFrom(...actions),
  resource: fc.constantFrom(...docs),
  mandate: fc.option(mandate, { nil: undefined, freq: 1 }),
})
export const questions = fc.array(asked, { minLength: 12, maxLength: 12 })
