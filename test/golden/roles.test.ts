import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAccess } from '../../src/access/index.ts'
import { describeSchema, type EntityJson } from '../../src/cedar/index.ts'
import { apiRoutes } from '../../src/http/index.ts'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../../src/kernel/index.ts'

// Who may do what, as it ships. `SALLYPORT_GOLDEN=write` writes the files again; read the difference before you commit it.

const root = join(import.meta.dirname, '../..')
const foundation = join(root, 'foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const files = (pattern: string) => globSync(pattern, { cwd: foundation }).sort().map(read)
const schema = read('schema.cedarschema').text
const clock = fakeClock()
const actions = describeSchema(schema).actions.filter(({ principals }) => principals.length > 0)

const access = openAccess({ schema, policies: files('policies/**/*.cedar'), roles: files('roles/*.cedar') }, 'demo')
// What the schema demands of each type. Somebody else has asked for what waits.
const ATTRIBUTES: Readonly<Record<string, EntityJson['attrs']>> = {
  Tool: { name: 'x', status: 'accepted', guarded: [] },
  ToolServer: { trusted: false },
  User: { name: 'x', status: 'active' },
  Service: { name: 'x', status: 'active' },
  Device: { name: 'x', status: 'active' },
  Agent: { name: 'x', status: 'active', sponsor: { __entity: { type: 'User', id: 'x' } } },
  Revision: { layer: 'tenant', authors: [] },
  Approval: {
    requester: 'y',
    subject: 'y',
    makers: [],
    behind: [],
    own: false,
    action: 'tool:call',
    elevated: false,
    resourceType: 'Tool',
    resourceId: 'x',
    policies: [],
  },
  AccessRequest: {
    subject: 'y',
    requester: 'y',
    behind: [],
    role: 'data-scientist',
    elevated: false,
    resourceType: 'Dataset',
    resourceId: 'x',
    seconds: 3600,
  },
}

const roles = [...access.builtInRoles()]
const types = [...new Set(actions.flatMap(({ resources }) => resources))].sort()
access.putEntities('test', [
  { uid: { type: 'Tenant', id: 'demo' } },
  ...roles.map((id) => ({
    uid: { type: 'User', id },
    attrs: { name: id, status: 'active' },
    parents: [{ type: 'Role', id }],
  })),
  ...types
    .filter((type) => type !== 'Tenant')
    .map((type) => ({
      uid: { type, id: 'x' },
      attrs: ATTRIBUTES[type] ?? {},
      parents: [parentOf(type)],
    })),
])
access.setRoles({
  grants: roles.map((role) => ({ role, assignee: { type: 'User', id: role }, on: undefined, until: undefined })),
  declared: new Set(),
})

function parentOf(type: string): { type: string; id: string } {
  if (type === 'Column') return { type: 'Table', id: 'x' }
  return type === 'Tool' || type === 'Prompt' ? { type: 'ToolServer', id: 'x' } : { type: 'Tenant', id: 'demo' }
}

function context(role: string): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: 'User', id: role as PrincipalId }], // names of roles are valid ids
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now(), assurance: 2, mfaAt: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

function isAllowed(role: string, action: string, type: string): boolean {
  const resource = { type, id: type === 'Tenant' ? 'demo' : 'x' }
  const facts = action === 'training:tune' ? { facts: { parameters: ['batchSize'] } } : {}
  const origin = { user: [], system: [], trusted: [], untrusted: [], model: [] }
  return (
    access.decide(context(role), { action, resource, ...facts, call: { arguments: {}, origin } }).decision === 'allow'
  )
}

function holdTo(name: string, text: string): void {
  const file = join(import.meta.dirname, name)
  if (process.env.SALLYPORT_GOLDEN === 'write' || !existsSync(file)) writeFileSync(file, text)
  assert.equal(readFileSync(file, 'utf8'), text)
}

test('each role may do on each kind of resource what the table says, after several factors', () => {
  const width = Math.max(...actions.flatMap(({ id, resources }) => resources.map((type) => `${id} ${type}`.length)))
  const head = `${''.padEnd(width)}  ${roles.join('  ')}`
  const lines = [...actions]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap(({ id, resources }) =>
      [...resources].sort().map((type) => {
        const cells = roles.map((role) => (isAllowed(role, id, type) ? 'allow' : '-').padEnd(role.length))
        return `${`${id} ${type}`.padEnd(width)}  ${cells.join('  ')}`.trimEnd()
      }),
    )
  holdTo('roles.txt', `${[head, ...lines].join('\n')}\n`)
})

test('each endpoint states an action and what it is on, both as the schema has them, and these roles may call it', () => {
  const lines = apiRoutes.map(({ method, path, action, decide, on }) => {
    const known = actions.find(({ id }) => id === action)
    assert.ok(known !== undefined, `${method} ${path}: the schema has no action \`${action}\``)
    assert.ok(known.parents.includes('admin'), `${method} ${path}`)
    // What decides for itself is on what the schema says.
    const types = decide === undefined ? ['Tenant', ...(on?.types ?? [])] : known.resources
    for (const type of types) assert.ok(known.resources.includes(type), `${method} ${path}: not on ${type}`)
    const may = (role: string): boolean => types.every((type) => isAllowed(role, action, type))
    const some = (role: string): boolean => types.some((type) => isAllowed(role, action, type)) && !may(role)
    const where = types.join() === 'Tenant' ? '' : ` on ${types.join(', ')}`
    const partly = roles.filter(some).map((role) => `${role} (in part)`)
    return `${method} ${path}  ${action}${where}: ${[...roles.filter(may), ...partly].join(', ')}`
  })
  holdTo('endpoints.txt', `${lines.sort().join('\n')}\n`)
})

test('a role on a project is good for the principals and tools of that project, and for nobody else', () => {
  const churn = { type: 'Project', id: 'churn' }
  const operator = { type: 'User', id: 'operator' }
  const person = (type: string, id: string, project: string) => ({
    uid: { type, id },
    attrs: { name: id, status: 'active', ...(type === 'Agent' ? { sponsor: { __entity: operator } } : {}) },
    parents: [{ type: 'Project', id: project }],
  })
  const tenant = { type: 'Tenant', id: 'demo' }
  access.putEntities('scoped', [
    { uid: churn, parents: [tenant] },
    { uid: { type: 'Project', id: 'other' }, parents: [tenant] },
    { uid: operator, attrs: { name: 'operator', status: 'active' }, parents: [tenant] },
    person('Agent', 'near', 'churn'),
    person('Agent', 'far', 'other'),
    person('User', 'colleague', 'churn'),
  ])
  const may = (action: string, type: string, id: string): boolean =>
    access.decide(context('operator'), { action, resource: { type, id } }).decision === 'allow'
  const given = (role: string, on: { type: string; id: string } | undefined) =>
    access.changeRoles([operator], () => [{ role, assignee: operator, on, until: undefined }])

  void given('agent-operator', churn)
  assert.ok(!may('gatewaykey:issue', 'User', 'colleague'), 'keys of people are for administrators to give')
  for (const action of ['principal:suspend', 'principal:resume', 'gatewaykey:issue', 'directory:read']) {
    assert.ok(may(action, 'Agent', 'near'), action)
    assert.ok(may(action, 'User', 'colleague') || action === 'gatewaykey:issue', action)
    assert.ok(!may(action, 'Agent', 'far'), `${action} of another project`)
    assert.ok(!may(action, 'Tenant', 'demo'), `${action} everywhere`)
    assert.ok(!may(action, 'Agent', 'nobody'), `${action} of nobody`)
  }
  assert.ok(may('directory:read', 'Project', 'churn') && !may('directory:read', 'Project', 'other'))
  assert.ok(!may('principal:set-level', 'Agent', 'near'), 'who answers for an agent does not promote it')
  void given('agent-sponsor', tenant)
  assert.ok(may('principal:suspend', 'Agent', 'near') && may('principal:suspend', 'Agent', 'far'), 'its own agents')
  assert.ok(!may('principal:suspend', 'User', 'colleague') && !may('principal:suspend', 'Tenant', 'demo'))
})

test('no role that ships both says what people may do and reads what they did', () => {
  for (const role of roles) {
    assert.ok(!(isAllowed(role, 'tenant:apply', 'Tenant') && isAllowed(role, 'log:read', 'Tenant')), role)
  }
})
