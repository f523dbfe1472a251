import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { requestToken } from '../../src/cli/client.ts'
import { type House, openHouse } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

async function call(who: string, method: string, path: string, body?: unknown) {
  const { token } = await requestToken(house.credentials, who, 'api', 'admin')
  const answer = await fetch(`${house.credentials.issuer}/api/policy/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, text: await answer.text() }
}

test('whoever may only read the log begins and ends no shadow, and makes no evidence by replaying', async () => {
  await house.apply({
    users: { olivia: { name: 'Olivia', roles: ['security-admin', 'auditor', 'tenant-admin'], keys: undefined } },
  })
  const text = '@id("none") forbid (principal, action == Action::"model:invoke", resource);'
  const files = [{ name: 'none.cedar', text }]
  const pushed = await call('olivia', 'POST', 'revisions', { layer: 'project/none', message: 'a trial', files })
  assert.equal(pushed.status, 200, pushed.text)
  const { revision } = JSON.parse(pushed.text)
  const shadow = { revisions: [revision], hours: 1 }
  assert.equal((await call('alice', 'POST', 'shadow', shadow)).status, 403)
  const begun = await call('olivia', 'POST', 'shadow', shadow)
  assert.equal(begun.status, 200, begun.text)
  const read = await call('alice', 'GET', 'shadow')
  assert.equal(read.status, 200, read.text)
  assert.equal((await call('alice', 'DELETE', 'shadow')).status, 403)
  assert.equal((await call('olivia', 'DELETE', 'shadow')).status, 200)

  const since = new Date(Date.now() - 3_600_000).toISOString()
  const evidence = async () => {
    const shown = JSON.parse((await call('olivia', 'GET', `revisions/${revision}`)).text)
    return shown.evidence.map(({ kind }: { kind: string }) => kind).filter((kind: string) => kind === 'replay')
  }
  const replay = { candidate: { revisions: [revision] }, since }
  assert.match((await call('alice', 'POST', 'replay', replay)).text, /"report"/)
  assert.deepEqual(await evidence(), [])
  assert.match((await call('olivia', 'POST', 'replay', replay)).text, /"report"/)
  assert.deepEqual(await evidence(), ['replay'])
})
