import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryTenantStore } from '../store/index.ts'
import { openPublication } from './publication.ts'

test('a log is public only where the tenant chose so, and stays it when it is opened again', async () => {
  const store = memoryTenantStore()
  try {
    const publication = await openPublication(store)
    assert.equal(publication.isPublic, false)
    assert.equal((await publication.choose(true)).effect, 'created')
    assert.equal(publication.isPublic, true)
    assert.equal((await openPublication(store)).isPublic, true)
    assert.deepEqual(await publication.choose(true), { kind: 'Settings', id: 'log', effect: 'unchanged', fields: [] })
    assert.deepEqual((await publication.choose(false)).fields, ['public'])
    assert.equal((await openPublication(store)).isPublic, false)
  } finally {
    await store.close()
  }
})
