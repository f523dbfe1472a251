import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isLoopback, loadConfig } from './config.ts'

const load = (text: string, environment: Record<string, string> = {}, flags = {}) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-config-'))
  const file = join(directory, 'sallyport.yaml')
  writeFileSync(file, text)
  try {
    return loadConfig({ file, environment, flags })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('an empty file gives the defaults, on loopback', () => {
  assert.deepEqual(load(''), {
    host: '127.0.0.1',
    port: 8420,
    data: 'data',
    maxBody: 10_485_760,
    log: 'warn',
    witnesses: [],
    witnessQuorum: 1,
    demo: { enabled: 'auto', modelPort: 8421, officePort: 8422 },
  })
})

test('flags stand above the environment, the environment above the file', () => {
  assert.equal(load('port: 1', { SALLYPORT_PORT: '2' }, { port: '3' }).port, 3)
  assert.equal(load('port: 1', { SALLYPORT_PORT: '2' }).port, 2)
  assert.equal(load('port: 1').port, 1)
})

test('a wrong key is named in one sentence', () => {
  const wrong = (text: string) => {
    try {
      load(text)
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  }
  assert.equal(wrong('prot: 1'), 'configuration key `prot` does not exist')
  assert.equal(wrong('demo: {enable: true}'), 'configuration key `demo.enable` does not exist')
  assert.match(wrong('port: 70000'), /^configuration key `port` is wrong: /)
  assert.match(wrong('publicUrl: ftp://x'), /^configuration key `publicUrl` is wrong: /)
  // the key of a log: its own signature makes nobody a witness of it
  const own = 'log.example+f0cb5d27+AU3rkjUAiDPBj0nQAYXy3ZhbNyUBeIJCJCzKCTm5dVoa'
  assert.match(wrong(`witnesses: [{url: 'http://x', key: '${own}'}]`), /`witnesses.0.key` is wrong: not the public key/)
  assert.match(wrong('- a'), /must hold keys and values$/)
  assert.match(wrong('a: [}'), /is not YAML/)
})

test('a port that is no number is refused', () => {
  assert.throws(() => load('', { SALLYPORT_PORT: 'http' }), /configuration key `port` is wrong/)
})

test('loopback is what only this machine reaches', () => {
  assert.deepEqual(['127.0.0.1', '127.8.9.1', '::1', 'localhost'].filter(isLoopback).length, 4)
  assert.deepEqual(['0.0.0.0', '::', '10.0.0.1', '127.evil.example'].filter(isLoopback), [])
})

test('a quorum that its witnesses can never reach is refused', () => {
  assert.throws(() => load('witnessQuorum: 2'), /`witnessQuorum` is wrong: 2 of 0 witnesses can never cosign/)
  assert.equal(load('witnessQuorum: 1').witnessQuorum, 1)
})
