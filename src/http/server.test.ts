import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { OAuthError } from '../oauth/index.ts'
import { apiRoutes } from './api/index.ts'
import { GATEWAY_PATHS } from './mount-gateway.ts'
import { ISSUER_PATHS } from './mount-issuer.ts'
import { ENDPOINTS_A_TENANT_MAY_OPEN, PUBLIC_ENDPOINTS } from './public-endpoints.ts'
import { createHttpServer, type HttpServerOptions } from './server.ts'
import type { TenantFace } from './tenant-face.ts'

function created(more: Partial<HttpServerOptions> = {}) {
  return createHttpServer({
    tenant: () => undefined,
    writable: () => false,
    version: '1.2.3',
    publicUrl: () => 'http://localhost:1',
    maxBody: 4096,
    log: pino({ level: 'silent' }),
    ...more,
  })
}

/** A tenant of which only the door is looked at. */
function tenantThat(authenticate: () => Promise<object>): HttpServerOptions['tenant'] {
  return () => ({ authenticate, authorization: { challenge: () => 'Bearer' } }) as unknown as TenantFace
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const piece of socket.setEncoding('utf8')) text += piece
  return text
}

async function listening(t: TestContext, more: Parameters<typeof created>[0] = {}): Promise<string> {
  const server = created(more)
  const port = await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => server.close(0))
  return `http://127.0.0.1:${port}`
}

test('what is mounted is a guarded route, a gateway, an issuer, or on the list of public endpoints', async (t) => {
  const server = created()
  await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => server.close(0))
  const guarded = new Set(apiRoutes.map(({ method, path }) => `${method} ${path}`))
  const others = new Set<string>([...GATEWAY_PATHS, ...ISSUER_PATHS])
  const rest = server.mounted.filter((entry) => !guarded.has(entry) && !others.has(entry.split(' ')[1] ?? ''))
  assert.deepEqual(new Set(rest), new Set(PUBLIC_ENDPOINTS.map((path) => `GET ${path}`)))
  assert.equal(server.mounted.filter((entry) => guarded.has(entry)).length, guarded.size)
})

test('the list of public endpoints does not grow unseen', () => {
  assert.deepEqual(
    [...PUBLIC_ENDPOINTS],
    [
      '/healthz',
      '/openapi.json',
      '/.well-known/authzen-configuration/t/:tenant',
      '/.well-known/oauth-protected-resource/t/:tenant/*',
    ],
  )
})

test('what a tenant may open to everybody does not grow unseen, and is closed where it did not', async (t) => {
  assert.deepEqual(
    [...ENDPOINTS_A_TENANT_MAY_OPEN],
    [
      '/t/:tenant/log/checkpoint',
      '/t/:tenant/log/witnessed',
      '/t/:tenant/log/origins',
      '/t/:tenant/log/keys',
      '/t/:tenant/log/tile/*',
    ],
  )
  const opened = apiRoutes.filter(({ open }) => open !== undefined)
  assert.deepEqual(
    new Set(opened.map(({ method, path }) => `${method} ${path}`)),
    new Set(ENDPOINTS_A_TENANT_MAY_OPEN.map((path) => `GET ${path}`)),
  )
  const asked: string[] = []
  const tenant = (id: string) =>
    ({
      publication: { isPublic: id === 'open' },
      log: { checkpoint: async () => 'the checkpoint' },
      authenticate: async () => {
        asked.push(id)
        throw new OAuthError('no_credentials', 'a credential is needed')
      },
      authorization: { challenge: () => 'Bearer' },
    }) as unknown as TenantFace
  const url = await listening(t, { tenant })
  assert.equal(await (await fetch(`${url}/t/open/log/checkpoint`)).text(), 'the checkpoint')
  assert.equal((await fetch(`${url}/t/closed/log/checkpoint`)).status, 401)
  assert.equal((await fetch(`${url}/t/open/api/records`)).status, 401)
  assert.deepEqual(asked, ['closed', 'open'])
})

test('a tenant that does not exist is one sentence and no hint', async (t) => {
  const url = await listening(t)
  for (const path of [
    '/t/nobody/api/principals',
    '/t/nobody/gw/openai/v1/models',
    '/.well-known/authzen-configuration/t/x',
  ]) {
    const answer = await fetch(`${url}${path}`)
    assert.equal(answer.status, 404)
    assert.deepEqual(await answer.json(), { error: { code: 'tenant_unknown', message: 'no such tenant' } })
  }
})

test('health says no while nothing can be recorded', async (t) => {
  const answer = await fetch(`${await listening(t)}/healthz`)
  assert.equal(answer.status, 503)
})

test('broken and oversized bodies are refused before anybody looks at them', async (t) => {
  const url = await listening(t, { tenant: tenantThat(async () => ({ txn: 'txn_1' })) })
  const post = (body: string) =>
    fetch(`${url}/t/demo/api/apply`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  assert.equal((await post('{"manifests":')).status, 400)
  assert.equal((await post(JSON.stringify({ manifests: 'x'.repeat(5000) }))).status, 413)
  const polluted = await post('{"__proto__": {"admin": true}}')
  assert.equal(polluted.status, 400)
})

test('nobody looks at the body of somebody who has not said who it is', async (t) => {
  const refuse = () => Promise.reject(new OAuthError('no_credentials', 'a credential is needed'))
  const url = await listening(t, { tenant: tenantThat(refuse) })
  for (const body of ['{"manifests":', 'x'.repeat(5000)]) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/t/demo/api/apply`, { method: 'POST', body, headers })
    assert.equal(answer.status, 401)
  }
})

test('a request with two Authorization headers does not say who it is by the first', async (t) => {
  const seen: (string | undefined)[] = []
  const tenant = () =>
    ({
      authenticate: async ({ authorization }: IncomingHttpHeaders) => {
        seen.push(authorization)
        throw new OAuthError('invalid_token', 'the credential is not valid')
      },
      authorization: { challenge: () => 'Bearer' },
    }) as unknown as TenantFace
  const { hostname, port } = new URL(await listening(t, { tenant }))
  const socket = connect(Number(port), hostname)
  socket.write(
    'GET /t/demo/api/principals HTTP/1.1\r\nhost: x\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\nconnection: close\r\n\r\n',
  )
  assert.match(await textOf(socket), /^HTTP\/1\.1 401/)
  assert.deepEqual(seen, ['Bearer a, Bearer b'])
})

test('a body that its sender gave up is no error of ours', async (t) => {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const url = await listening(t, { log, tenant: tenantThat(async () => ({ txn: 'txn_1' })) })
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(
    'POST /t/demo/api/apply HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.deepEqual(lines, [])
})

test('a request that never ends is not waited for, whoever sent it', { timeout: 5_000 }, async (t) => {
  const { hostname, port } = new URL(await listening(t, { requestTimeout: 100 }))
  const socket = connect(Number(port), hostname)
  socket.write(
    'POST /t/demo/api/apply HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  )
  socket.resume()
  await once(socket, 'close')
})

test('an answer can neither be sniffed nor cached', async (t) => {
  const answer = await fetch(`${await listening(t)}/openapi.json`)
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  assert.equal(answer.headers.get('cache-control'), 'no-store')
})

test('the Host header of a request appears in no document', async (t) => {
  const url = new URL(await listening(t))
  const text = await new Promise<string>((resolve, reject) => {
    request(
      { host: url.hostname, port: url.port, path: '/openapi.json', headers: { host: 'evil.example' } },
      (answer) => {
        let body = ''
        answer.on('data', (chunk) => {
          body += chunk
        })
        answer.on('end', () => resolve(body))
      },
    )
      .on('error', reject)
      .end()
  })
  assert.match(text, /localhost:1/)
  assert.doesNotMatch(text, /evil/)
})
