import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type House, openHouse, succeed } from './house.ts'

let house: House
let token: string
before(async () => {
  house = await openHouse()
  token = (await succeed(house.sallyport, 'token', 'olivia', '--audience', 'api')).trim()
})
after(() => house?.close())

test('the metadata document names the evaluation endpoint', async () => {
  const { issuer } = house.credentials
  const { origin, pathname } = new URL(issuer)
  const document = (await (await fetch(`${origin}/.well-known/authzen-configuration${pathname}`)).json()) as Record<
    string,
    unknown
  >
  assert.equal(document.policy_decision_point, issuer)
  assert.equal(document.access_evaluation_endpoint, `${issuer}/access/v1/evaluation`)
})

test('an evaluation decides as the gateway does, and is recorded', async () => {
  const evaluate = async (to: 'user' | 'untrusted') => {
    const origin = { [to]: ['/to'] }
    const answer = await fetch(`${house.credentials.issuer}/access/v1/evaluation`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-request-id': 'r-1' },
      body: JSON.stringify({
        subject: { type: 'agent', id: 'research-assistant' },
        action: { name: 'tool:call' },
        resource: { type: 'Tool', id: 'office/send_message' },
        context: { arguments: { '/to': 'bob@example.com' }, origin },
      }),
    })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('x-request-id'), 'r-1')
    return {
      body: (await answer.json()) as { decision: boolean; context: object },
      txn: answer.headers.get('sallyport-txn'),
    }
  }
  assert.equal((await evaluate('user')).body.decision, true)
  const denied = await evaluate('untrusted')
  assert.equal(denied.body.decision, false)
  assert.match(JSON.stringify(denied.body.context), /foundation\/untrusted-origin/)
  assert.match(JSON.stringify(await house.records(denied.txn ?? '')), /office\/send_message/)
})

test('a question about somebody who does not exist is denied, and one without a token is refused', async () => {
  const ask = (authorization?: string) =>
    fetch(`${house.credentials.issuer}/access/v1/evaluation`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      body: JSON.stringify({
        subject: { type: 'user', id: 'mallory' },
        action: { name: 'model:invoke' },
        resource: { type: 'Model', id: 'demo-chat' },
      }),
    })
  const answer = (await (await ask(`Bearer ${token}`)).json()) as { decision: boolean }
  assert.equal(answer.decision, false)
  assert.equal((await ask()).status, 401)
})

test('decide asks the same from the command line, and explains', async () => {
  const text = await succeed(
    house.sallyport,
    ...['decide', 'research-assistant', 'tool:call', 'Tool::office/send_message'],
    ...['--argument', '/to=eve@attacker.example', '--from', '/to=untrusted'],
  )
  assert.match(text, /^deny/)
  assert.match(text, /foundation\/untrusted-origin/)
})
