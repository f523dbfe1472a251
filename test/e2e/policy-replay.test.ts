import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type House, openHouse } from './house.ts'

let house: House

before(async () => {
  house = await openHouse()
})

after(() => house.close())

test('what went through gateway and administration comes out the same, and the command says so', async () => {
  const secret = await house.key('carol')
  const ask = (model: string) =>
    fetch(`${house.sallyport.url}/t/demo/gw/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    })
  for (const model of ['demo-chat', 'no-such-model', 'demo-embed']) await (await ask(model)).text()
  assert.equal((await ask('demo-chat')).status < 500, true)
  const printed = await house.sallyport.cli('policy', 'replay', '--self', '--as', 'olivia', '--json')
  assert.ok(printed.ok, printed.stderr + printed.stdout)
  const { decisions, agreed, disagreed, unreplayable } = JSON.parse(printed.stdout)
  assert.equal(disagreed, 0)
  assert.ok(decisions > 6 && agreed > 5, printed.stdout)
  const rest = Object.values(unreplayable as Record<string, number>).reduce((sum, one) => sum + one, 0)
  assert.equal(agreed + rest, decisions)
})

test('whoever may not read bodies may not replay them', async () => {
  const printed = await house.sallyport.cli('policy', 'replay', '--self', '--as', 'rollout')
  assert.equal(printed.ok, false)
  assert.match(printed.stderr, /denied|no policy permits/)
})
