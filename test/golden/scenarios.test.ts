import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import {
  type Access,
  type Decision,
  openAccess,
  policyFileOf,
  policySections,
  resourceEntities,
  resourceSections,
} from '../../src/access/index.ts'
import { identitySections, openDirectory, parseResourceRef, parseSections } from '../../src/identity/index.ts'
import {
  type Context,
  fakeClock,
  newTxn,
  type PrincipalRef,
  parsePrincipalId,
  type TenantId,
} from '../../src/kernel/index.ts'
import { memoryTenantStore } from '../../src/store/index.ts'

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const clock = fakeClock()

const pointers = z.array(z.string()).default([])
const expectations = z.array(
  z.strictObject({
    agent: z.string(),
    for: z.string().optional(),
    action: z.string(),
    resource: z.string(),
    facts: z.record(z.string(), z.json()).optional(),
    call: z
      .strictObject({
        arguments: z.record(z.string(), z.string()),
        origin: z.strictObject({
          user: pointers,
          system: pointers,
          trusted: pointers,
          untrusted: pointers,
          model: pointers,
        }),
      })
      .optional(),
    level: z.union([z.int(), z.literal('never')]),
    asks: z.int().optional(),
  }),
)

for (const name of ['optimiser', 'analyst']) {
  test(`the ${name} may at each level what it has earned, and loses it with the level`, async () => {
    const access = await opened(name)
    const list = expectations.parse(parse(readFileSync(join(foundation, 'scenarios', name, 'expected.yaml'), 'utf8')))
    // Up the ladder, and down again.
    for (const level of [0, 1, 2, 3, 4, 3, 2, 1, 0]) {
      for (const expected of list) {
        const what = `${expected.action} ${expected.resource} at level ${level}`
        const isEarned = expected.level !== 'never' && level >= expected.level
        setLevel(access, expected.agent, level)
        const { decision, advice = [] } = decide(access, expected)
        assert.equal(decision, isEarned ? 'allow' : 'deny', what)
        const asks = advice.length === 1 && advice[0]?.kind === 'approval'
        assert.equal(asks, expected.asks !== undefined && level >= expected.asks, `an approval of ${what}`)
      }
    }
  })
}

test('a suspended sponsor stops the agent at every level', async () => {
  const access = await opened('optimiser', (directory) => directory.setStatus('mara', 'suspended'))
  const asked = { agent: 'tuner', action: 'metric:read', resource: 'Metric::run1/loss' }
  for (const level of [0, 3]) {
    setLevel(access, 'tuner', level)
    assert.equal(decide(access, asked).decision, 'deny')
  }
})

async function opened(
  name: string,
  change: (directory: Awaited<ReturnType<typeof openDirectory>>) => Promise<void> = async () => undefined,
): Promise<Access> {
  const files = globSync('policies/*.cedar', { cwd: foundation }).sort().map(read)
  const schema = read('schema.cedarschema').text
  const access = openAccess({ schema, policies: files, roles: [read('roles/roles.cedar')] }, 'demo')
  const directory = await openDirectory(memoryTenantStore(), clock, { builtInRoles: access.builtInRoles() })
  const sections = { ...identitySections, ...policySections, ...resourceSections }
  const at = `scenarios/${name}`
  const manifest = parseSections(read(`${at}/tenant.yaml`).text, 'tenant.yaml', sections)
  await directory.apply(manifest)
  await change(directory)
  const entities = resourceEntities(manifest.sections, 'demo')
  access.checkEntities(entities)
  access.putEntities('resources', [{ uid: { type: 'Tenant', id: 'demo' } }, ...entities])
  access.putEntities('directory', directory.entities())
  await access.setPolicies(
    (manifest.sections.policies ?? []).map((declared) => policyFileOf(declared, read(`${at}/${declared.file}`).text)),
  )
  access.setRoles({ grants: directory.roleAssignments(), declared: new Set() })
  return access
}

/** As the ladder will say it: a source of its own, which knows nothing of the agent but its level. */
function setLevel(access: Access, agent: string, level: number): void {
  access.putEntities('ladder', [{ uid: { type: 'Agent', id: agent }, attrs: { level } }])
}

function decide(access: Access, asked: Omit<z.output<typeof expectations>[number], 'level'>): Decision {
  const resource = parseResourceRef(asked.resource)
  assert.ok(resource !== undefined)
  return access.decide(contextOf(asked.agent, asked.for), {
    action: asked.action,
    resource,
    ...(asked.facts === undefined ? {} : { facts: asked.facts }),
    ...(asked.call === undefined ? {} : { call: asked.call }),
  })
}

function contextOf(agent: string, subject: string | undefined): Context {
  const agentRef: PrincipalRef = { kind: 'Agent', id: parsePrincipalId(agent) ?? assert.fail() }
  const userRef: PrincipalRef | undefined =
    subject === undefined ? undefined : { kind: 'User', id: parsePrincipalId(subject) ?? assert.fail() }
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: userRef === undefined ? [agentRef] : [userRef, agentRef],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}
