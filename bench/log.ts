// `npm run bench:log [-- LARGE]`: what the log costs, beside the least that node:sqlite and the disk can do.
// LARGE is the size of the log that is reopened, searched and verified (200,000 where it is left out).
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileSource, type Log, verifyLog } from '../src/audit/index.ts'
import { decision, logFixture, origin } from '../src/audit/log-fixture.ts'
import { openSqlite } from '../src/store/index.ts'

const CALLERS = 64
const large = Number(process.argv[2] ?? 200_000)

const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const { txn, trace, body } = decision()
const RECORD = Buffer.byteLength(txn + trace + JSON.stringify(body))
print('a record: txn, trace and body in JSON', `${RECORD} bytes`)

// Interleaved, because a shared machine changes its speed from one minute to the next.
for (let round = 1; round <= 3; round++) {
  print(`round ${round}: fdatasync after each 600 bytes`, perSecond(fdatasyncLoop(1000)))
  print(`round ${round}: bare node:sqlite, 64 rows of 600 bytes a commit`, perSecond(bareSqlite(600, 64)))
  const bare = bareSqlite(2000, 1)
  print(`round ${round}: bare node:sqlite, one row a commit`, perSecond(bare))
  print(`round ${round}: the log, ${CALLERS} callers`, await appends(CALLERS, 60_000))
}
print('the log, 1 caller', await appends(1, 3000))
await largeLog(large)

interface Timing {
  readonly count: number
  readonly ms: number
}

function fdatasyncLoop(count: number): Timing {
  const fd = openSync(join(directory, 'sync'), 'w')
  const block = Buffer.alloc(600, 7)
  const timing = timed(count, () => {
    for (let i = 0; i < count; i++) {
      writeSync(fd, block)
      fdatasyncSync(fd)
    }
  })
  closeSync(fd)
  return timing
}

function bareSqlite(commits: number, rows: number): Timing {
  const file = join(directory, `bare-${performance.now()}.db`)
  const db = openSqlite(file)
  db.exec('CREATE TABLE records (idx INTEGER PRIMARY KEY, body BLOB)')
  const insert = db.prepare('INSERT INTO records (body) VALUES (?)')
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')]
  const body = Buffer.alloc(600, 7)
  const timing = timed(commits * rows, () => {
    for (let i = 0; i < commits; i++) {
      begin.run()
      for (let row = 0; row < rows; row++) insert.run(body)
      commit.run()
    }
  })
  db.close()
  return timing
}

async function appends(callers: number, count: number): Promise<string> {
  using place = logFixture()
  const log = await place.open()
  await load(log, callers, Math.min(count, 5000))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const latencies: number[] = []
  const before = performance.now()
  await load(log, callers, count, latencies)
  const ms = performance.now() - before
  delay.disable()
  await log.close()
  latencies.sort((a, b) => a - b)
  const at = (part: number) => `${(latencies[Math.floor(latencies.length * part)] ?? 0).toFixed(2)} ms`
  const loop = `event loop p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms`
  return `${perSecond({ count, ms })}, p50 ${at(0.5)}, p99 ${at(0.99)}, ${loop}`
}

async function load(log: Log, callers: number, count: number, latencies: number[] = [], variety = 1): Promise<void> {
  let left = count
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left-- > 0) {
        const start = performance.now()
        // Time goes on as in life: ids of requests begin with it, and are found by it.
        const at = Date.now()
        await log.append(
          decision(
            variety === 1
              ? { at }
              : {
                  at,
                  person: `person-${left % variety}`,
                  tool: `files/${left % 500}`,
                  path: `${wordOf(left)}/q${left}.md`,
                },
          ),
        )
        latencies.push(performance.now() - start)
      }
    }),
  )
}

// Some words in every second record, most of them rarely: 20,000 in all, as a written language has them.
function wordOf(n: number): string {
  return `word${Math.floor(20_000 ** (((n * 2_654_435_761) % 2 ** 32) / 2 ** 32))}`
}

async function largeLog(size: number): Promise<void> {
  using place = logFixture()
  const log = await place.open()
  await load(log, 256, size, [], 100)
  await log.close()
  const bytes = statSync(place.file).size
  print(`${count(size)} records: bytes a record beyond its own`, (bytes / size - RECORD).toFixed(0))

  const reopening = performance.now()
  const again = await place.open()
  print(`${count(size)} records: reopening`, since(reopening))

  print(`${count(size)} records: a receipt`, await median(50, (i) => again.receipt(Math.floor((size / 51) * i))))
  const one = { principal: 'person-7' }
  print(`${count(size)} records: 100 records of one principal`, await median(20, () => again.search(one)))
  const all = performance.now()
  let found = 0
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const page = await again.search(one, { limit: 1000, ...(cursor === '' ? {} : { cursor }) })
    found += page.records.length
    cursor = page.cursor
  }
  print(`${count(size)} records: all ${found} records of one principal`, since(all))
  const texts = { 'a rare word': 'word17321', 'two words': 'word1500 person', 'one record': `q${size >> 1}` }
  for (const [what, text] of Object.entries(texts)) {
    const many = await again.search({ text })
    print(
      `${count(size)} records: full text, ${what} (${many.records.length})`,
      await median(10, () => again.search({ text })),
    )
  }
  print(
    `${count(size)} records: full text, a word that is not there`,
    await median(10, () => everything(again, 'nowhere')),
  )
  await again.close()

  for (const sealing of [undefined, place.keys.sealing]) {
    const source = fileSource(place.file, sealing)
    const before = performance.now()
    const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin })
    const ms = performance.now() - before
    source.close()
    if (!report.ok) throw new Error(report.problems[0]?.message)
    const what = sealing === undefined ? 'verify' : 'verify with bodies and search index'
    print(`${count(size)} records: ${what}`, perSecond({ count: size, ms }))
  }
}

async function everything(log: Log, text: string): Promise<void> {
  let cursor: string | undefined = ''
  while (cursor !== undefined) cursor = (await log.search({ text }, cursor === '' ? {} : { cursor })).cursor
}

function timed(count: number, work: () => void): Timing {
  const before = performance.now()
  work()
  return { count, ms: performance.now() - before }
}

async function median(runs: number, work: (i: number) => Promise<unknown>): Promise<string> {
  const times: number[] = []
  for (let i = 0; i < runs; i++) {
    const before = performance.now()
    await work(i)
    times.push(performance.now() - before)
  }
  times.sort((a, b) => a - b)
  return `${(times[runs >> 1] ?? 0).toFixed(2)} ms (median of ${runs})`
}

function perSecond({ count: n, ms }: Timing): string {
  return `${count(Math.round((n / ms) * 1000))}/s`
}

function since(before: number): string {
  return `${(performance.now() - before).toFixed(1)} ms`
}

function count(n: number): string {
  return n.toLocaleString('en')
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(62)} ${value}\n`)
}
