import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { accessToken, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
  await succeed(house.sallyport, 'mode', 'set', 'observe', '--as', 'rollout')
  const { token } = await accessToken(house.credentials, 'outsider')
  const openai = openaiClient(house.credentials, token)
  for (let n = 0; n < 3; n++) {
    await openai.chat.completions.create({
      model: 'demo-chat',
      messages: [{ role: 'user', content: 'Say: good morning' }],
    })
  }
})
after(() => house?.close())

const suggested = z.object({
  text: z.string(),
  statements: z.array(z.object({ id: z.string(), evidence: z.object({ requests: z.number(), denied: z.number() }) })),
  replaces: z.array(z.string()),
  revision: z.string().optional(),
})

async function suggest(...options: readonly string[]) {
  const answer = await succeed(house.sallyport, 'policy', 'suggest', '--since', '1h', '--json', ...options)
  return suggested.parse(JSON.parse(answer))
}

test('what an outsider did in observe is suggested, with how often it was denied', async () => {
  const { text, statements } = await suggest('--beside')
  assert.match(text, /"outsider"/)
  const [statement] = statements.filter(({ id }) => id.includes('model-invoke'))
  assert.deepEqual(statement?.evidence, { ...statement?.evidence, requests: 3, denied: 3 })
})

test('a file that somebody may have corrected is never written over', async () => {
  const file = join(house.sallyport.home, 'suggested.cedar')
  const { text } = await suggest('--beside', '--out', file)
  assert.equal(readFileSync(file, 'utf8'), text)
  const again = await house.sallyport.cli('policy', 'suggest', '--since', '1h', '--out', file)
  assert.equal(again.ok, false)
  assert.match(again.stderr, /is there already/)
})

test('a draft is a revision with what stays in force, and decides nothing', async () => {
  const { revision = '', replaces } = await suggest('--beside', '--draft')
  assert.deepEqual(replaces, [])
  const shown = await succeed(house.sallyport, 'policy', 'show', revision.slice(0, 12))
  assert.match(shown, /demo\.cedar/)
  assert.match(shown, /suggested\.cedar/)
  const state = z
    .array(z.looseObject({ revision: z.string(), state: z.string() }))
    .parse(JSON.parse(await succeed(house.sallyport, 'policy', 'log', '--json')))
  assert.equal(state.find((one) => one.revision === revision)?.state, 'checked')
})

test('who may not read what everybody did gets no suggestion, and a time that is none is told of', async () => {
  const refused = await house.sallyport.cli('policy', 'suggest', '--as', 'rollout')
  assert.equal(refused.ok, false)
  assert.match(refused.stderr, /log:read_body|may not|not allowed|no policy|denied/)
  const misspelt = await house.sallyport.cli('policy', 'suggest', '--since', 'monday')
  assert.match(misspelt.stderr, /neither a duration/)
})
