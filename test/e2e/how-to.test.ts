import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { type House, openHouse } from './house.ts'

const ROOT = join(import.meta.dirname, '../..')
const DEMO = readFileSync(join(ROOT, 'foundation/demo/policies/demo.cedar'), 'utf8')

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

for (const file of ['README.md', ...globSync('docs/how-to/*-upstream.md', { cwd: ROOT }).sort()]) {
  test(`the manifests and policies that ${file} shows can be applied`, async () => {
    const page = readFileSync(join(ROOT, file), 'utf8')
    const manifests = blocks(page, 'yaml').map((text) => parse(withoutVariables(text)) as object)
    assert.ok(manifests.length > 0)
    for (const manifest of manifests) await house.apply(manifest)
    for (const policy of blocks(page, 'cedar')) await house.apply({}, { 'demo.cedar': DEMO, 'shown.cedar': policy })
  })
}

function blocks(page: string, language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'))].map((match) =>
    dedent(match[1] ?? ''),
  )
}

/** Blocks inside of a list are indented. */
function dedent(text: string): string {
  const indent = /^ */.exec(text)?.[0] ?? ''
  return text.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
}

/** The server of this test was not started with the reader's keys. */
function withoutVariables(text: string): string {
  return text.replaceAll(/\{ env: \w+ \}/g, '{ value: a-key }')
}
