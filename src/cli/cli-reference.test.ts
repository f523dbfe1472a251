import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { cliReference } from './cli-reference.ts'
import { sallyport } from './program.ts'

const PAGE = join(import.meta.dirname, '../../docs/reference/cli.md')

test('the reference of the commands says what the commands say', () => {
  assert.equal(readFileSync(PAGE, 'utf8'), cliReference(sallyport()), 'write it again: node scripts/cli-reference.ts')
})

test('every command, argument and option says what it is for', () => {
  const silent: string[] = []
  const visit = (command: Command, path: string): void => {
    if (command.description() === '') silent.push(path)
    for (const argument of command.registeredArguments) {
      if (argument.description === '') silent.push(`${path} <${argument.name()}>`)
    }
    for (const option of command.options) if (option.description === '') silent.push(`${path} ${option.flags}`)
    for (const below of command.commands) visit(below, `${path} ${below.name()}`)
  }
  visit(sallyport(), 'sallyport')
  assert.deepEqual(silent, [])
})
