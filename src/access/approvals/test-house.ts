import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { identitySections, openDirectory, parseSections } from '../../identity/index.ts'
import {
  type Authentication,
  type Context,
  fakeClock,
  newTxn,
  type PrincipalId,
  type PrincipalRef,
  parseTenantId,
} from '../../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../../keys/index.ts'
import { memoryTenantStore, type TenantStore } from '../../store/index.ts'
import { type Access, openAccess } from '../access.ts'
import type { PolicyFile } from '../layers.ts'
import type { CallFacts, Question } from '../question.ts'
import { openApprovals } from './approvals.ts'

const foundation = join(import.meta.dirname, '../../../foundation')
const read = (name: string): PolicyFile => ({
  name: `foundation/${name}`,
  text: readFileSync(join(foundation, name), 'utf8'),
})

/** Two agents that may send messages once somebody has agreed, and people around them. */
const MANIFEST = `
users:
  ada: { name: Ada, roles: [security-admin] }
  ben: { name: Ben, roles: [security-admin] }
  uma: { name: Uma, roles: [security-admin] }
  sam: { name: Sam, roles: [security-admin] }
  tom: { name: Tom }
  kim: { name: Kim, roles: [{ role: ml-operator, on: Project::mail }] }
agents:
  courier: { name: Courier, sponsor: sam, type: courier }
  helper: { name: Helper, sponsor: ada, type: helper }
services:
  robot: { name: Robot, roles: [security-admin] }
`

export const POLICIES = `
@id("send") permit (principal, action == Action::"tool:call", resource in ToolServer::"office");
@id("agree") @title("somebody agrees to each message") @approval("15m")
forbid (principal is Agent, action == Action::"tool:call", resource == Tool::"office/send");
`

export const SEND: Question = sending({ '/to': 'carol@example.com', '/text': 'hello' })

export function sending(args: Readonly<Record<string, string>>, origin: Partial<CallFacts['origin']> = {}): Question {
  const none = { user: Object.keys(args), system: [], trusted: [], untrusted: [], model: [] }
  return {
    action: 'tool:call',
    resource: { type: 'Tool', id: 'office/send' },
    call: { arguments: args, origin: { ...none, ...origin } },
    argumentsDigest: JSON.stringify(args),
  }
}

export const user = (id: string): PrincipalRef => ({ kind: 'User', id: id as PrincipalId }) // ids of this file
export const agent = (id: string): PrincipalRef => ({ kind: 'Agent', id: id as PrincipalId })
export const service = (id: string): PrincipalRef => ({ kind: 'Service', id: id as PrincipalId })

/** A decision point with approvals, over a store that can be opened again. */
export async function openHouse(
  options: {
    readonly store?: TenantStore
    readonly policies?: string
    readonly clock?: ReturnType<typeof fakeClock>
    /** The master key; one of its own for each house. */
    readonly key?: string
  } = {},
) {
  const {
    store = memoryTenantStore(),
    policies = POLICIES,
    clock = fakeClock(),
    key = randomBytes(32).toString('base64'),
  } = options
  const tenant = parseTenantId('demo') ?? assert.fail()
  const access = openAccess(
    {
      schema: read('schema.cedarschema').text,
      policies: [read('policies/guardrails.cedar')],
      roles: [read('roles/roles.cedar')],
    },
    tenant,
  )
  const directory = await openDirectory(store, clock, { builtInRoles: access.builtInRoles() })
  await directory.apply(parseSections(MANIFEST, 'tenant.yaml', identitySections))
  const putDirectory = (): void => access.putEntities('directory', directory.entities())
  putDirectory()
  directory.onChange(putDirectory)
  const uid = (type: string, id: string) => ({ type, id })
  access.putEntities('rest', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Project', 'mail'), parents: [uid('Tenant', 'demo')] },
    { uid: uid('ToolServer', 'office'), attrs: { trusted: false }, parents: [uid('Project', 'mail')] },
    {
      uid: uid('Tool', 'office/send'),
      attrs: { name: 'send', status: 'accepted', guarded: ['/to'] },
      parents: [uid('ToolServer', 'office')],
    },
    { uid: uid('TrainingJob', 'run'), parents: [uid('Project', 'mail')] },
  ])
  await put(access, policies)
  await access.setRoles({ grants: directory.roleAssignments(), declared: new Set() })
  const master = openMasterKey({ directory: '/nowhere', environment: key })
  const keyRing = await openKeyRing(store, master, tenant, clock)
  const reported: unknown[] = []
  const approvals = await openApprovals({
    tenant,
    store,
    keyRing,
    clock,
    directory,
    access,
    report: (error) => reported.push(error),
  })
  approvals.close()
  access.setApprovals(approvals)

  const context = (
    chain: readonly [PrincipalRef, ...PrincipalRef[]],
    authentication: Partial<Authentication> = {},
  ): Context => ({
    tenant,
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain,
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now(), ...authentication },
      scope: undefined,
      credential: `c${Math.random()}`,
      expiresAt: clock.now() + 1000,
    },
  })
  return {
    store,
    access,
    directory,
    approvals,
    /** What went wrong without anybody having been told. */
    reported,
    clock,
    context,
    put: (text: string) => put(access, text),
    /** What an enforcement point does with one question. */
    async enforce(ctx: Context, question: Question = SEND) {
      const decided = access.decide(ctx, question)
      const [asked = decided] = await access.ask(ctx, [question], [decided])
      const reserved = await access.reserve(ctx, [question], [asked])
      const [decision = asked] = reserved.refused ?? []
      return { decision, reserved }
    },
    /** The id of the request that waits for somebody. */
    async waiting(ctx: Context, question: Question = SEND): Promise<string> {
      const decided = access.decide(ctx, question)
      const [asked = decided] = await access.ask(ctx, [question], [decided])
      const [advice] = asked.advice ?? []
      assert.ok(advice?.kind === 'approval' && advice.id !== undefined, JSON.stringify(asked))
      return advice.id
    },
    /** Whether somebody may give an approval. */
    async mayGive(ctx: Context, id: string) {
      const approval = (await approvals.get(id)) ?? assert.fail()
      return access.decide(ctx, approvals.question('approval:give', approval))
    },
  }
}

async function put(access: Access, text: string): Promise<void> {
  await access.setPolicies([{ name: 'test.cedar', text }])
}
