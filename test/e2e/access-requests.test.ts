import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { APIError } from 'openai'
import { requestToken } from '../../src/cli/client.ts'
import { accessToken, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'

let house: House
// also of those whom the demo does not have
let credentials: string
before(async () => {
  house = await openHouse()
  credentials = join(house.sallyport.home, 'all-credentials.json')
  writeFileSync(credentials, JSON.stringify(house.credentials))
})
after(() => house?.close())

const cli = (who: string, ...args: readonly string[]) =>
  house.sallyport.cli('--credentials', credentials, '--as', who, ...args)
async function json<T>(who: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await succeed(house.sallyport, '--credentials', credentials, '--as', who, ...args, '--json')) as T
}
interface Request {
  readonly id: string
  readonly state: string
  readonly decidedBy?: string
  readonly endsAt?: string
}
const MODEL = 'Model::demo-chat'
const ask = (who: string, duration: string, ...more: readonly string[]) =>
  json<Request>(
    who,
    'access',
    'request',
    'model:invoke',
    MODEL,
    '--role',
    'data-scientist',
    '--because',
    'the quarterly report',
    '--for',
    duration,
    ...more,
  )

async function invokes(who: string): Promise<boolean> {
  const { token } = await accessToken(house.credentials, who)
  const messages = [{ role: 'user' as const, content: 'Say: yes' }]
  return openaiClient(house.credentials, token)
    .chat.completions.create({ model: 'demo-chat', messages })
    .then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof APIError && (error.status === 403 || error.status === 404), String(error))
        return false
      },
    )
}

test('denied, asked for, given by another, allowed, ended, denied', async () => {
  assert.equal(await invokes('alice'), false)
  const exact = await cli('alice', 'access', 'request', 'model:invoke', MODEL, '--because', 'x', '--for', '1h')
  assert.equal(exact.ok, false)
  assert.match(exact.stderr, /the least is `data-scientist`, which also grants `model:list`, `model:read` there/)
  const { id } = await ask('alice', '6s')
  assert.equal(await invokes('alice'), false)

  for (const [who, says] of [
    ['alice', /nobody gives themselves access/],
    ['outsider', /no access request/],
  ] as const) {
    const { ok, stderr } = await cli(who, 'access', 'requests', 'approve', id)
    assert.equal(ok, false)
    assert.match(stderr, says)
  }
  const approved = await json<Request>('olivia', 'access', 'requests', 'approve', id, '--note', 'for the report')
  assert.equal(approved.state, 'approved')
  assert.equal(await invokes('alice'), true)
  assert.equal(await invokes('outsider'), false)

  const left = Date.parse(approved.endsAt ?? '') - Date.now()
  assert.ok(left > 0 && left <= 6000)
  await setTimeout(left + 50)
  assert.equal(await invokes('alice'), false)
  assert.equal((await json<Request>('alice', 'access', 'requests', 'show', id)).state, 'ended')

  // The end is recorded within some seconds, with nobody asking.
  for (let i = 0; ; i++) {
    const found = await succeed(house.sallyport, 'log', 'search', '--text', id, '--json')
    const says = (text: string) => found.includes(text)
    if (says('"change"') && says('"justification"') && says('access-request:decide')) break
    assert.ok(i < 15, found)
    await setTimeout(200)
  }
})

test('what was given is taken back at once, also where the caller has a token', async () => {
  const { id } = await ask('alice', '1h')
  await succeed(house.sallyport, '--as', 'olivia', 'access', 'requests', 'approve', id)
  const { token } = await accessToken(house.credentials, 'alice')
  const client = openaiClient(house.credentials, token)
  const messages = [{ role: 'user' as const, content: 'Say: yes' }]
  await client.chat.completions.create({ model: 'demo-chat', messages })
  await succeed(house.sallyport, '--as', 'olivia', 'access', 'requests', 'revoke', id, '--note', 'the report is done')
  await assert.rejects(client.chat.completions.create({ model: 'demo-chat', messages }), APIError)
})

test('whoever has no part in a request cannot tell it from one that does not exist', async () => {
  const { id } = await ask('alice', '1h')
  const answers = []
  for (const asked of [id, 'arq_00000000000000000000000000']) {
    for (const path of [`/api/access-requests/${asked}`, `/access/v1/requests/${asked}`]) {
      const { token } = await requestToken(house.credentials, 'outsider', 'api', 'admin')
      const answer = await fetch(`${house.credentials.issuer}${path}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      answers.push(
        `${answer.status} ${answer.headers.get('content-type')} ${(await answer.text()).replaceAll(asked, 'ID')}`,
      )
    }
  }
  assert.deepEqual(answers.slice(0, 2), answers.slice(2))
  assert.match(answers[1] ?? '', /404 application\/problem\+json.*unknown_task/)
  assert.deepEqual(await json('outsider', 'access', 'requests', 'list'), [])
  assert.equal((await json<Request>('alice', 'access', 'requests', 'cancel', id)).state, 'cancelled')
})

test('a justification is shown, and moves nothing on the terminal', async () => {
  const evil = 'please\u001b[2J\u202e‮\nall good'
  const { id } = await json<Request>(
    'dispatcher',
    'access',
    'request',
    'runlog:read',
    'Tenant::demo',
    '--role',
    'data-scientist',
    '--for',
    '1h',
    '--because',
    evil,
  ).catch(() => ({ id: '' }) as Request)
  assert.equal(id, '', 'nothing of this role is on the tenant alone')
  const made = await json<Request>(
    'outsider',
    'access',
    'request',
    'model:invoke',
    MODEL,
    '--role',
    'data-scientist',
    '--for',
    '1h',
    '--because',
    evil,
  )
  const shown = await succeed(house.sallyport, '--as', 'olivia', 'access', 'requests', 'show', made.id)
  assert.match(shown, /because please\\u001b\[2J\\u202e/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it must not be there
  assert.doesNotMatch(shown, /[\u001b\u202e]/)
  await succeed(house.sallyport, '--as', 'olivia', 'access', 'requests', 'deny', made.id, '--note', 'ask alice')
  const told = await json<Request & { note?: string }>('outsider', 'access', 'requests', 'show', made.id)
  assert.deepEqual([told.state, told.note, told.decidedBy], ['denied', 'ask alice', undefined])
})

async function post(who: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  const { token } = await requestToken(house.credentials, who, 'api', 'admin')
  const answer = await fetch(`${house.credentials.issuer}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what came
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as any }
}

test('a denied evaluation says how to ask, and only for what was denied (AuthZEN access request profile)', async () => {
  // Whoever asks for others does not decide on it.
  await house.apply({
    users: { carol: { roles: ['inference-client', { role: 'access-approver', on: 'Tenant::demo' }] } },
  })
  const { issuer } = house.credentials
  const metadata = (await (
    await fetch(`${new URL(issuer).origin}/.well-known/authzen-configuration${new URL(issuer).pathname}`)
  )
    // biome-ignore lint/suspicious/noExplicitAny: as above
    .json()) as any
  assert.equal(metadata.access_request_endpoint, `${issuer}/access/v1/requests`)
  assert.ok(metadata.capabilities.includes('urn:openid:authzen:capability:access-request'))

  const asked = {
    subject: { type: 'user', id: 'bob' },
    action: { name: 'model:invoke' },
    resource: { type: 'Model', id: 'demo-chat' },
  }
  const evaluate = (context?: object) =>
    post('olivia', '/access/v1/evaluation', { ...asked, ...(context && { context }) })
  const denied = (await evaluate()).body
  assert.equal(denied.decision, false)
  const { evaluation_id, access_request } = denied.context
  const { payload } = await jwtVerify(access_request.binding_token, createRemoteJWKSet(new URL(metadata.jwks_uri)), {
    issuer,
    audience: metadata.access_request_endpoint,
  })
  assert.deepEqual([payload.subject, payload.action, payload.resource], [asked.subject, asked.action, asked.resource])

  const submission = {
    ...asked,
    context: { business_justification: 'the renewal report' },
    requested_access: {
      requested_until: new Date(Date.now() + 3_600_000).toISOString(),
      requested_role: 'data-scientist',
    },
    denial: { evaluation_id, expires_at: access_request.expires_at, binding_token: access_request.binding_token },
  }
  const submit = (more: object, who = 'olivia', key = 'k') =>
    post(who, '/access/v1/requests', { ...submission, ...more }, { 'idempotency-key': key })
  const other = { type: 'Model', id: 'demo-slow' }
  const [head = '', body = '', signature = ''] = access_request.binding_token.split('.')
  const forged = Buffer.from(Buffer.from(body, 'base64url').toString().replaceAll('demo-chat', 'demo-slow')).toString(
    'base64url',
  )
  for (const [name, more, who] of [
    ['another resource', { resource: other }],
    ['another subject', { subject: { type: 'user', id: 'olivia' } }],
    ['another action', { action: { name: 'model:list' } }],
    ['more properties', { resource: { ...asked.resource, properties: { a: 1 } } }],
    ['another end', { denial: { ...submission.denial, expires_at: '2099-01-01T00:00:00Z' } }],
    ['another evaluation', { denial: { ...submission.denial, evaluation_id: 'ev_other' } }],
    [
      'a forged token',
      { resource: other, denial: { ...submission.denial, binding_token: `${head}.${forged}.${signature}` } },
    ],
    [
      'an access token',
      {
        denial: {
          ...submission.denial,
          binding_token: (await requestToken(house.credentials, 'olivia', 'api', 'admin')).token,
        },
      },
    ],
    ['somebody else', {}, 'alice'],
  ] as const) {
    const answer = await submit(more, who ?? 'olivia', `no ${name}`)
    assert.equal(answer.status, 400, name)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', name)
    assert.equal(answer.body.type, 'urn:openid:authzen:access-request:error:invalid_denial_binding', name)
  }

  const accepted = await submit({})
  assert.equal(accepted.status, 202)
  const { id, status, status_endpoint } = accepted.body.task
  assert.equal(status, 'pending')
  assert.equal(accepted.headers.get('location'), status_endpoint)
  assert.equal((await submit({})).body.task.id, id, 'the same key is the same request')
  const changed = await submit({ context: { business_justification: 'other' } })
  assert.deepEqual(
    [changed.status, changed.body.type],
    [409, 'urn:openid:authzen:access-request:error:duplicate_request'],
  )
  assert.equal((await submit({}, 'olivia', 'another')).status, 409, 'a denial is followed by one request')

  const own = await cli('olivia', 'access', 'requests', 'approve', id)
  assert.match(own.stderr, /nobody gives themselves access/, 'who asks for another has a part in it')
  await post('carol', `/api/access-requests/${id}/approve`, { note: 'fine' })
  const done = (await post('olivia', `/access/v1/requests/${id}`, undefined)).body
  assert.equal(done.task.status, 'approved')
  assert.equal(done.result.mode, 'reevaluate')
  const { approval } = done.result

  const again = (await evaluate({ approval })).body
  assert.equal(again.decision, true)
  assert.equal(again.context.approval.id, approval.id)
  const elsewhere = await post('olivia', '/access/v1/evaluation', { ...asked, resource: other, context: { approval } })
  assert.equal(elsewhere.body.decision, false)
  assert.deepEqual([elsewhere.body.context.reason, elsewhere.body.context.next_action], ['out_of_scope', 'request'])
  await succeed(house.sallyport, '--as', 'olivia', 'access', 'requests', 'revoke', id)
  const revoked = (await evaluate({ approval })).body
  assert.deepEqual(
    [revoked.decision, revoked.context.reason, revoked.context.next_action],
    [false, 'approval_expired', 'request'],
  )
  const closed = await post('olivia', `/access/v1/requests/${id}/cancel`, {})
  assert.deepEqual(
    [closed.status, closed.body.type],
    [409, 'urn:openid:authzen:access-request:error:invalid_task_state'],
  )
})

test('an agent asks with its own token, and its sponsor is not the one who agrees', async () => {
  const asked = await post('research-assistant', '/api/access-requests', {
    action: 'training:read',
    resource: { type: 'Model', id: 'demo-chat' },
    justification: 'x',
    seconds: 60,
  })
  assert.deepEqual([asked.status, asked.body.error.code], [422, 'request_pointless'])
  const made = await post('research-assistant', '/api/access-requests', {
    action: 'model:read',
    resource: { type: 'Model', id: 'demo-chat' },
    role: 'data-scientist',
    justification: 'to read the card',
    seconds: 60,
  })
  assert.equal(made.status, 200)
  assert.equal(made.body.subject.id, 'research-assistant')
  await house.apply({ users: { alice: { roles: ['auditor', 'security-admin'] } } })
  const sponsor = await post('alice', `/api/access-requests/${made.body.id}/approve`, {})
  assert.equal(sponsor.status, 403)
  assert.equal((await post('olivia', `/api/access-requests/${made.body.id}/approve`, {})).status, 200)
})
