import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Upstream } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import { Flight } from '../flight.ts'
import type { UpstreamRequest } from '../protocol.ts'
import { isRefusedAddress, publicLookup } from './public-lookup.ts'
import { openUpstreamClient, type UpstreamClient } from './upstream-client.ts'

async function start(
  t: TestContext,
  answer: RequestListener,
): Promise<{ client: UpstreamClient; request: UpstreamRequest }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = openUpstreamClient({ credentialHeader: () => ['authorization', 'Bearer ours'] })
  t.after(async () => {
    await client.close()
    server.closeAllConnections()
    server.close()
  })
  const upstream: Upstream = {
    id: 'one',
    kind: 'openai',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`, // listening on TCP
    timeouts: { connect: 500, firstByte: 200, idle: 200 },
    trusted: false,
    acceptFirst: false,
    tools: {},
  }
  return {
    client,
    request: { upstream, method: 'GET', path: '/path?a=b', headers: { authorization: 'Bearer theirs' } },
  }
}

const failsWith = (code: string) => (error: unknown) => error instanceof GatewayError && error.code === code

test('a request goes below the upstream’s path with our credential in place of any other', async (t) => {
  const { client, request } = await start(t, ({ url, headers }, response) => {
    response.end(`${url} ${headers.authorization}`)
  })
  const answer = await client.send(request)
  assert.equal((await answer.whole(1000)).toString(), '/base/path?a=b Bearer ours')
})

test('a body is handed over piece by piece, and while a piece is busy no other comes', async (t) => {
  const { client, request } = await start(t, async (_, response) => {
    for (let piece = 0; piece < 20; piece++) {
      response.write(String(piece % 10).repeat(10_000))
      await sleep(1)
    }
    response.end()
  })
  const answer = await client.send(request)
  let busy = 0
  let length = 0
  await answer.each(async (chunk) => {
    assert.equal(++busy, 1)
    length += chunk.length
    await sleep(2)
    busy--
  })
  assert.equal(length, 200_000)
})

test('a reader who comes late misses nothing, and the upstream does not run ahead of him', async (t) => {
  let written = 0
  const { client, request } = await start(t, async (_, response) => {
    for (let piece = 0; piece < 400 && !response.destroyed; piece++) {
      written += 100_000
      if (!response.write(Buffer.alloc(100_000, 'x'))) await new Promise((resolve) => response.once('drain', resolve))
    }
    response.end()
  })
  const answer = await client.send({ ...request, idleTimeout: 0 })
  await sleep(300)
  assert.ok(written < 20_000_000, `${written} bytes are under way to nobody`)
  assert.equal((await answer.whole(50_000_000)).length, 40_000_000)
})

test('what a reader throws lets go of the upstream and comes out', async (t) => {
  let closed = false
  const { client, request } = await start(t, (_, response) => {
    response.once('close', () => {
      closed = true
    })
    response.write('x')
  })
  const answer = await client.send(request)
  await assert.rejects(
    answer.each(() => {
      throw new Error('enough')
    }),
    /enough/,
  )
  await sleep(20)
  assert.ok(closed)
})

test('an answer that is too large is broken', async (t) => {
  const { client, request } = await start(t, (_, response) => void response.end('x'.repeat(100)))
  const answer = await client.send(request)
  await assert.rejects(answer.whole(99), failsWith('upstream_broken'))
})

test('an upstream that does not answer, or stops in the middle, is given up', async (t) => {
  const { client, request } = await start(t, ({ url }, response) => {
    if (url === '/base/middle') response.write('x')
  })
  await assert.rejects(client.send(request), failsWith('upstream_timeout'))
  const answer = await client.send({ ...request, path: '/middle' })
  await assert.rejects(answer.whole(100), failsWith('upstream_timeout'))
})

test('a flight that is broken off takes its request along, wherever it is', async (t) => {
  const { client, request } = await start(t, ({ url }, response) => {
    if (url === '/base/middle') response.write('x')
  })
  const cut = new GatewayError('cut', 'cut')
  const early = new Flight()
  early.abort(cut)
  await assert.rejects(client.send(request, early), failsWith('cut'))

  const waiting = new Flight()
  const never = client.send(request, waiting)
  setTimeout(() => waiting.abort(cut), 20)
  await assert.rejects(never, failsWith('cut'))

  const reading = new Flight()
  const answer = await client.send({ ...request, path: '/middle' }, reading)
  setTimeout(() => reading.abort(cut), 20)
  await assert.rejects(
    answer.each(() => new Promise<void>(() => undefined)),
    failsWith('cut'),
  )
})

test('no name leads to an address where no upstream can be', async () => {
  const refused = ['169.254.169.254', '[fe80::1]', '0.0.0.0', '[::]', '[::ffff:169.254.169.254]', '224.0.0.1']
  const clouds = ['168.63.129.16', '192.0.0.192', '[64:ff9b::a9fe:a9fe]', '[2002:a9fe:a9fe::1]', '[::a9fe:a9fe]']
  for (const host of [...refused, ...clouds]) assert.ok(isRefusedAddress(host), host)
  for (const host of ['127.0.0.1', '10.0.0.1', '[::1]', '1.1.1.1', 'localhost'])
    assert.ok(!isRefusedAddress(host), host)
  const found = await new Promise((resolve) => publicLookup('127.0.0.1', {}, (_, address) => resolve(address)))
  assert.equal(found, '127.0.0.1')
  const error = await new Promise((resolve) => publicLookup('0.0.0.0', { all: true }, (failure) => resolve(failure)))
  assert.ok(error instanceof Error)
})
