import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

test('every dependency has a line that says what it is for', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'))
  const page = read('docs/decisions/dependencies.md')
  const named = (name: string) =>
    page.includes(`\`${name}\``) || (name.startsWith('@types/') && page.includes('`@types/*`'))
  const missing = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(
    (name) => !named(name),
  )
  assert.deepEqual(missing, [])
})

test('the lockfile pins by hash and records no download address', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; integrity?: string }>
  }
  const entries = Object.entries(packages).filter(([path]) => path !== '')
  assert.ok(entries.length > 100)
  assert.deepEqual(
    entries.filter(([, entry]) => entry.resolved !== undefined),
    [],
  )
  assert.deepEqual(
    entries.filter(([, entry]) => entry.integrity === undefined).map(([path]) => path),
    [],
  )
})

test('dependencies are pinned to one version each', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'))
  const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
  assert.deepEqual(
    versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version))),
    [],
  )
})

test('no link between pages leads nowhere', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...globSync(['docs/**/*.md', 'examples/**/*.md'], { cwd: root }),
  ]
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map((match) => join(dirname(page), match[1] ?? ''))
      .filter((target) => globSync(target, { cwd: root }).length === 0)
      .map((target) => `${page} → ${target}`),
  )
  assert.deepEqual(broken, [])
})
