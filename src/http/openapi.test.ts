import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiRoutes } from './api/index.ts'
import { openApiOf } from './openapi.ts'

test('no two endpoints have the same method and path', () => {
  const names = apiRoutes.map((route) => `${route.method} ${route.path}`)
  assert.equal(new Set(names).size, names.length)
})

test('the OpenAPI document says of each endpoint what it authorizes', () => {
  const document = openApiOf(apiRoutes, { version: '1.2.3', url: 'http://localhost:1' })
  const { paths } = JSON.parse(JSON.stringify(document))
  assert.equal(paths['/t/{tenant}/api/principals/{principal}/suspend'].post['x-sallyport-action'], 'principal:suspend')
  assert.equal(
    paths['/t/{tenant}/api/records'].get.parameters.find((p: { name: string }) => p.name === 'decision').in,
    'query',
  )
  assert.deepEqual(paths['/t/{tenant}/log/checkpoint'].get.security, [{ token: [] }, {}])
  assert.deepEqual(paths['/t/{tenant}/api/records'].get.security, [{ token: [] }])
  assert.equal(Object.values(paths).flatMap((path) => Object.keys(path as object)).length, apiRoutes.length)
})
