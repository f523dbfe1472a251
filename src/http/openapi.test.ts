import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { apiRoutes } from './api/index.ts'
import { openApiOf } from './openapi.ts'

const schema = readFileSync(join(import.meta.dirname, '../../foundation/schema.cedarschema'), 'utf8')

test('every endpoint states an action that the schema declares for the tenant', () => {
  const declared = new Set(
    [...schema.matchAll(/^action ([^;]*?) appliesTo \{([^}]*)\}/gms)]
      .filter(([, , body]) => /resource: Tenant\b/.test(body ?? ''))
      .flatMap(([, names]) =>
        [...((names ?? '').split(' in ')[0]?.matchAll(/"([^"]+)"/g) ?? [])].map((match) => match[1]),
      ),
  )
  assert.ok(declared.has('log:read'))
  assert.deepEqual(
    apiRoutes.filter((route) => !declared.has(route.action)).map((route) => `${route.method} ${route.path}`),
    [],
  )
})

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
  assert.equal(Object.values(paths).flatMap((path) => Object.keys(path as object)).length, apiRoutes.length)
})
