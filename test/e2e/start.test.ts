import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { openaiClient } from './clients.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const home = mkdtempSync(join(tmpdir(), 'sallyport-start-'))
after(() => rmSync(home, { recursive: true, force: true }))

test('a fresh start is soon ready, its files are private, and the second one finds the data of the first', async () => {
  const began = Date.now()
  const first = await startSallyport()
  try {
    // about a second on an idle machine; this one may be busy with other tests
    assert.ok(Date.now() - began < 15_000, `ready after ${Date.now() - began} ms`)
    assert.equal(statSync(first.data).mode & 0o777, 0o700)
    assert.equal(statSync(join(first.data, 'demo', 'credentials.json')).mode & 0o777, 0o600)
    await ask(first)
    await first.stop()
    assert.equal(first.process.exitCode, 0)
    const second = await startSallyport({ home: first.home })
    try {
      assert.deepEqual(second.credentials.principals, first.credentials.principals)
      await ask(second)
      const { stdout } = await second.cli('log', 'search', '--action', 'model:invoke', '--json')
      assert.equal((JSON.parse(stdout) as { records: unknown[] }).records.length, 2)
    } finally {
      await second.stop()
    }
  } finally {
    await first.remove()
  }
})

test('it goes on with its log and its credentials when it is reached elsewhere, and when it comes back', async () => {
  const first = await startSallyport()
  try {
    await first.stop()
    for (const port of [0, Number(new URL(first.url).port)]) {
      const next = await startSallyport({ home: first.home, config: { port } })
      try {
        assert.equal(next.credentials.issuer, `${next.url}/t/demo`)
        await ask(next)
        assert.ok((await next.cli('log', 'verify')).ok)
      } finally {
        await next.stop()
      }
    }
  } finally {
    await first.remove()
  }
})

test('a second process on the same data is refused in one sentence', async () => {
  const running = await startSallyport()
  try {
    const { code, stderr } = await start({ data: running.data })
    assert.equal(code, 1)
    checkSentence(stderr, /in use/)
    await ask(running)
  } finally {
    await running.remove()
  }
})

test('a port in use is refused in one sentence, and nothing is created', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => holder.once('listening', resolve))
  const address = holder.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const data = join(home, 'port')
  const { code, stderr } = await start({ data, port })
  holder.close()
  assert.equal(code, 1)
  checkSentence(stderr, new RegExp(`${port}.*already in use`))
  assert.equal(existsSync(data), false)
})

test('a data directory that is corrupt, foreign or unreadable is refused in one sentence, and left as it is', async () => {
  const corrupt = join(home, 'corrupt')
  mkdirSync(corrupt)
  writeFileSync(join(corrupt, 'system.db'), 'this is no database, however often one looks at it\n'.repeat(200))
  const broken = await start({ data: corrupt })
  assert.equal(broken.code, 1)
  checkSentence(broken.stderr, /corrupt/)

  const foreign = join(home, 'foreign')
  mkdirSync(foreign)
  writeFileSync(join(foreign, 'thesis.txt'), 'mine')
  const refused = await start({ data: foreign })
  assert.equal(refused.code, 1)
  checkSentence(refused.stderr, /not a sallyport data directory/)
  assert.deepEqual(readdirSync(foreign), ['thesis.txt'])

  const file = join(home, 'file')
  writeFileSync(file, '')
  const notDirectory = await start({ data: file })
  assert.equal(notDirectory.code, 1)
  checkSentence(notDirectory.stderr, /file/)
})

test('a wrong configuration is refused in one sentence that names the key', async () => {
  const data = join(home, 'wrong')
  const unknown = await start({ data, colour: 'blue' })
  assert.equal(unknown.code, 1)
  checkSentence(unknown.stderr, /`colour`/)
  const wrong = await start({ data, maxBody: 'much' })
  assert.equal(wrong.code, 1)
  checkSentence(wrong.stderr, /`maxBody`/)
  assert.equal(existsSync(data), false)
})

test('the demo refuses to listen beyond loopback', async () => {
  const data = join(home, 'exposed')
  const { code, stderr } = await start({ data, host: '0.0.0.0' })
  assert.equal(code, 1)
  checkSentence(stderr, /loopback/)
  assert.equal(existsSync(data), false)
})

async function ask({ credentials }: Sallyport): Promise<void> {
  const openai = openaiClient(credentials, credentials.principals['chat-app']?.gateway_key ?? '')
  await openai.chat.completions.create({ model: 'demo-chat', messages: [{ role: 'user', content: 'Say: hello' }] })
}

let files = 0

/** Starts with this configuration what is expected to end by itself. */
function start(config: object): Promise<{ code: number | null; stderr: string }> {
  const file = join(home, `config-${files++}.yaml`)
  writeFileSync(file, JSON.stringify({ port: 0, demo: { modelPort: 0, officePort: 0 }, ...config }))
  return new Promise((resolve) => {
    const args = ['--disable-warning=ExperimentalWarning', MAIN, 'start', '--config', file]
    const child = execFile(process.execPath, args, { timeout: 20_000 }, (_error, _stdout, stderr) => {
      resolve({ code: child.exitCode, stderr })
    })
  })
}

function checkSentence(stderr: string, expected: RegExp): void {
  assert.match(stderr, expected)
  assert.equal(stderr.trim().split('\n').length, 1, stderr)
  assert.match(stderr, /^sallyport: /)
}
