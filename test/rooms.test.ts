import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { test } from 'node:test'

const src = join(import.meta.dirname, '..', 'src')

// Which rooms a room may import, besides the kernel. A room that is not in this table may not exist.
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  cedar: [],
  translog: [],
  store: [],
  keys: ['store'],
  identity: ['store', 'keys', 'cedar'],
  oauth: ['store', 'keys', 'identity'],
  access: ['store', 'keys', 'identity', 'cedar'],
  audit: ['store', 'keys', 'translog', 'identity'],
  gateway: ['store', 'keys', 'identity', 'oauth', 'access', 'audit', 'cedar'],
  http: ['store', 'identity', 'oauth', 'access', 'audit', 'gateway', 'translog'],
  server: ['cedar', 'translog', 'store', 'keys', 'identity', 'oauth', 'access', 'audit', 'gateway', 'http'],
  cli: ['translog', 'store', 'keys', 'identity', 'access', 'audit', 'server'],
}

const rooms = globSync('*/index.ts', { cwd: src }).map((file) => file.split(sep)[0] ?? '')

const imports = globSync('**/*.ts', { cwd: src }).flatMap((file) => {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) => ({
    file,
    target: relative(src, resolve(src, file, '..', match[1] ?? '')),
  }))
})
// The stand-ins that the demo starts are programs of their own.
const DEMO = join('..', 'examples', 'upstreams', 'index.ts')
const roomOf = (file: string): string => file.split(sep)[0] ?? ''

test('every room stands in the table of directions', () => {
  assert.ok(rooms.length > 1)
  assert.deepEqual(
    rooms.filter((room) => !(room in MAY_IMPORT)),
    [],
  )
})

test('a room imports only the rooms below it', () => {
  const wrong = imports.filter(({ file, target }) => {
    const [from, to] = [roomOf(file), roomOf(target)]
    if (from === 'server' && target === DEMO) return false
    return from !== to && to !== 'kernel' && !(MAY_IMPORT[from] ?? []).includes(to)
  })
  assert.deepEqual(wrong, [])
})

test('a room is entered through its public face', () => {
  const wrong = imports.filter(
    ({ file, target }) =>
      target !== DEMO && roomOf(file) !== roomOf(target) && target !== join(roomOf(target), 'index.ts'),
  )
  assert.deepEqual(wrong, [])
})

test('the table of directions has no cycle', () => {
  const visit = (room: string, path: readonly string[]): void => {
    assert.ok(!path.includes(room), `cycle: ${[...path, room].join(' → ')}`)
    for (const below of MAY_IMPORT[room] ?? []) visit(below, [...path, room])
  }
  for (const room of Object.keys(MAY_IMPORT)) visit(room, [])
})

test('the linter refuses what this table refuses', () => {
  const { overrides } = JSON.parse(readFileSync(join(src, '..', 'biome.json'), 'utf8'))
  const all = Object.keys(MAY_IMPORT)
  for (const room of all) {
    const forbidden = all.filter((other) => {
      if (other === room) return false
      return room === 'kernel' || (other !== 'kernel' && !(MAY_IMPORT[room] ?? []).includes(other))
    })
    const rule = overrides.find((entry: { includes: string[] }) => entry.includes.includes(`src/${room}/**`))
    const groups: string[] = rule?.linter.rules.style.noRestrictedImports.options.patterns[0]?.group ?? []
    assert.deepEqual(
      new Set(groups),
      new Set(forbidden.flatMap((other) => [`../${other}/**`, `../../${other}/**`])),
      room,
    )
  }
})
