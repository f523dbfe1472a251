import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type DecisionPoint, decisionPoint } from '../../examples/decision-point/decision-point.ts'
import { expressApp } from '../../examples/decision-point/express-app.ts'
import { fastifyApp } from '../../examples/decision-point/fastify-app.ts'
import { type AuthzenHouse, openAuthzenHouse } from '../conformance/authzen/authzen-house.ts'

const examples = join(import.meta.dirname, '../../examples/decision-point')

let house: AuthzenHouse
let decisions: DecisionPoint
before(async () => {
  house = await openAuthzenHouse(examples, 'shop')
  decisions = decisionPoint(house.issuer, async () => house.token)
})
after(() => house?.close())

const userOf = (request: { readonly headers: Readonly<Record<string, unknown>> }) => String(request.headers['x-user'])

for (const framework of ['express', 'fastify'] as const) {
  describe(`an application with ${framework}`, () => {
    let server: Server
    let url: string
    before(async () => {
      if (framework === 'express') server = createServer(expressApp(decisions, userOf))
      else {
        const app = fastifyApp(decisions, userOf)
        await app.ready()
        server = createServer((request, response) => app.routing(request, response))
      }
      await once(server.listen(0, '127.0.0.1'), 'listening')
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    after(() => server?.close())

    const ask = (user: string, path: string, method = 'GET') =>
      fetch(url + path, { method, headers: { 'x-user': user } })
    const ids = async (user: string) =>
      ((await (await ask(user, '/orders')).json()) as { id: string }[]).map(({ id }) => id)

    test('lists what each of its users may see', async () => {
      assert.deepEqual(await ids('ada'), ['o1', 'o2'])
      assert.deepEqual(await ids('ben'), ['o3'])
      assert.deepEqual(await ids('eve'), ['o1', 'o2', 'o3'])
      assert.deepEqual(await ids('nobody'), [])
    })

    test('asks before it shows or does anything', async () => {
      assert.equal((await ask('ada', '/orders/o1')).status, 200)
      assert.equal((await ask('ben', '/orders/o1')).status, 403)
      assert.equal((await ask('eve', '/orders/o1/refund', 'POST')).status, 200)
      assert.equal((await ask('eve', '/orders/o2/refund', 'POST')).status, 403)
      assert.equal((await ask('ada', '/orders/o1/refund', 'POST')).status, 403)
    })
  })
}

test('what cannot be asked is denied', async () => {
  const unreachable = decisionPoint('http://127.0.0.1:9/t/demo', async () => 'token')
  assert.equal(await unreachable.isAllowed('ada', 'view', { type: 'order', id: 'o1' }), false)
})

test('the page shows the files that run here', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/how-to/call-the-decision-point.md'), 'utf8')
  for (const file of [
    'shop.cedarschema',
    'shop.cedar',
    'tenant.yaml',
    'decision-point.ts',
    'express-app.ts',
    'fastify-app.ts',
  ]) {
    assert.ok(page.includes(readFileSync(join(examples, file), 'utf8').trim()), `${file} is not shown as it is`)
  }
})
