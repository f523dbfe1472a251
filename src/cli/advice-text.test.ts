import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { adviceText } from './advice-text.ts'
import { refusal } from './client.ts'

test('each advice is a thing to do, and several are done one after the other', () => {
  assert.equal(
    adviceText([{ kind: 'step_up', acr: 'aal2', maxAge: 900 }, { kind: 'request_access' }]),
    'step up: prove again who you are (several factors, at most 15 min ago), and then ask for access: `sallyport access request ACTION RESOURCE`',
  )
  assert.equal(adviceText([{ kind: 'wait', seconds: 30 }]), 'wait 30 s')
  assert.equal(adviceText([{ kind: 'wait', seconds: 7200 }]), 'wait 2 h')
  assert.match(adviceText([{ kind: 'approval', id: 'apr_1' }]), /`sallyport approvals show apr_1`/)
})

test('a refusal says what would help, after what is wrong', async (t) => {
  const server = createServer((_, response) => {
    const error = { code: 'denied', message: 'no', remedy: 'ask olivia', advice: [{ kind: 'wait', seconds: 5 }] }
    response.writeHead(429, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const answer = await fetch(`http://127.0.0.1:${address.port}`)
  assert.equal((await refusal(answer)).publicMessage, 'no; ask olivia; what would help: wait 5 s')
})
