import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAccess } from '../../src/access/index.ts'
import { describeSchema } from '../../src/cedar/index.ts'
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
      attrs:
        type === 'Tool'
          ? { name: 'x', status: 'accepted', guarded: [] }
          : type === 'ToolServer'
            ? { trusted: false }
            : {},
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

test('each endpoint states an action that is decided on the tenant, and these roles may call it', () => {
  const lines = apiRoutes.map(({ method, path, action }) => {
    const known = actions.find(({ id }) => id === action)
    assert.ok(known !== undefined, `${method} ${path}: the schema has no action \`${action}\``)
    assert.deepEqual(known.resources, ['Tenant'], `${method} ${path}`)
    assert.ok(known.parents.includes('admin'), `${method} ${path}`)
    return `${method} ${path}  ${action}: ${roles.filter((role) => isAllowed(role, action, 'Tenant')).join(', ')}`
  })
  holdTo('endpoints.txt', `${lines.sort().join('\n')}\n`)
})

test('no role that ships both says what people may do and reads what they did', () => {
  for (const role of roles) {
    assert.ok(!(isAllowed(role, 'tenant:apply', 'Tenant') && isAllowed(role, 'log:read', 'Tenant')), role)
  }
})
