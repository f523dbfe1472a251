// `npm run bench:cedar [-- --quick]`: the policy engine beside other engines, on made-up applications. `--quick` leaves
// out the largest sizes.
import { cpus } from 'node:os'
import { compile, Entities, type EntityJson } from '../src/cedar/index.ts'
import { casbinPeer, caslPeer, type Decide, officialPeer } from './cedar-peers.ts'
import { conditions, gdrive, github, ROLES_SCHEMA, roles, tinytodo, type Workload } from './cedar-workloads.ts'

const isQuick = process.argv.includes('--quick')
const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Timing {
  readonly p50: number
  readonly p99: number
}

/** Nanoseconds of one decision. What reading the clock costs is taken off. */
function time(decide: Decide, { requests }: Workload, samples: number): Timing {
  const times = new Float64Array(samples)
  const one = requests[0]
  if (one === undefined) throw new RangeError('no requests')
  // As many again before: on a busy machine the compiler of V8 takes its time.
  for (let i = 0; i < samples; i++) decide(requests[i % requests.length] ?? one)
  for (let i = 0; i < samples; i++) {
    const request = requests[i % requests.length] ?? one
    const started = process.hrtime.bigint()
    decide(request)
    times[i] = Number(process.hrtime.bigint() - started)
  }
  times.sort()
  const at = (part: number): number => Math.max(1, (times[Math.floor(samples * part)] ?? 0) - clockCost())
  return { p50: at(0.5), p99: at(0.99) }
}

let measuredClockCost: number | undefined
function clockCost(): number {
  if (measuredClockCost !== undefined) return measuredClockCost
  const times = Float64Array.from({ length: 20_000 }, () => {
    const started = process.hrtime.bigint()
    return Number(process.hrtime.bigint() - started)
  }).sort()
  measuredClockCost = times[10_000] ?? 0
  return measuredClockCost
}

function text(nanoseconds: number): string {
  if (nanoseconds < 10_000) return `${(nanoseconds / 1000).toFixed(2)} µs`
  return nanoseconds < 10_000_000
    ? `${(nanoseconds / 1000).toFixed(0)} µs`
    : `${(nanoseconds / 1_000_000).toFixed(0)} ms`
}

/** MiB in use after collecting garbage. */
function memory(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

function milliseconds(work: () => void): number {
  const started = performance.now()
  work()
  return performance.now() - started
}

function report(workload: Workload, peers: Readonly<Record<string, Decide>>, peerSamples: number): Timing {
  const before = memory()
  let engine = compile({ policies: '' })
  const compiled = milliseconds(() => {
    engine = compile({ policies: workload.policies })
  })
  const entities = Entities.fromJson(workload.entities)
  const used = memory() - before
  const decide: Decide = (request) => engine.decide(request, entities).decision === 'allow'
  for (const [name, peer] of Object.entries(peers)) checkSameAnswers(workload, decide, name, peer, peerSamples)
  const ours = time(decide, workload, 200_000)
  const others = Object.entries(peers).map(([name, decide]) => {
    const theirs = time(decide, workload, peerSamples)
    return `${name} ${text(theirs.p50)} (${Math.round(theirs.p50 / ours.p50)}×)`
  })
  const line = [
    workload.name.padEnd(32),
    `p50 ${text(ours.p50)}`.padEnd(14),
    `p99 ${text(ours.p99)}`.padEnd(14),
    `compiled in ${compiled.toFixed(0)} ms`.padEnd(22),
    `${Math.max(0, used).toFixed(0)} MiB`.padEnd(9),
    others.join(', '),
  ]
  say(line.join(' ').trimEnd())
  return ours
}

/** Times mean nothing unless the peer does the same work. As many requests as it is timed with, at least. */
function checkSameAnswers(
  { name, requests }: Workload,
  ours: Decide,
  peerName: string,
  peer: Decide,
  samples: number,
): void {
  for (const request of requests.slice(0, Math.max(samples, 50))) {
    const [expected, found] = [ours(request), peer(request)]
    if (found !== expected) {
      throw new Error(`${name}: ${peerName} says ${found}, we say ${expected}, of ${JSON.stringify(request)}`)
    }
  }
}

/** Of the official engine only a few decisions: one may take a tenth of a second. */
function samplesFor(policies: number): number {
  return policies > 1000 ? 12 : 60
}

say(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}; ratios are to our p50`)

say('\nThe applications of the Cedar paper, N entities of each kind')
for (const make of [gdrive, github, tinytodo]) {
  for (const n of [5, 20, 50]) {
    const workload = make(n)
    report(workload, { 'cedar-wasm': officialPeer(workload) }, 200)
  }
}

const sizes = isQuick ? [10, 1000, 10_000] : [10, 1000, 10_000, 100_000]
for (const [title, make] of [
  ['One policy for each role', roles],
  ['Policies that differ in a condition', conditions],
] as const) {
  say(`\n${title}`)
  const timings: Timing[] = []
  for (const size of sizes) {
    const workload = make(size)
    const peers: Record<string, Decide> = {}
    if (size <= 10_000) {
      peers['cedar-wasm'] = officialPeer(workload)
      if (make === roles && size <= 1000) peers.casbin = await casbinPeer(workload, size)
      if (make === conditions) peers.CASL = caslPeer(workload, size)
    }
    timings.push(report(workload, peers, samplesFor(size)))
  }
  const [first, last] = [timings[0], timings.at(-1)]
  if (first !== undefined && last !== undefined) {
    say(`${sizes.at(-1)} policies take ${(last.p50 / first.p50).toFixed(2)} times as long as ${sizes[0]}`)
  }
}

say('\nChanges')
const many = isQuick ? 10_000 : 100_000
let engine = compile({ policies: roles(many).policies, schema: ROLES_SCHEMA })
const additions: Readonly<Record<string, (i: number) => string>> = {
  'like the others': (i) => `@id("new ${i}") permit(principal in Role::"new${i}", action, resource);`,
  // The official validator sees one policy of each shape; each of these has its own.
  'of a new shape': (i) => `@id("own ${i}") permit(principal, action, resource) when { principal.level > ${i} };`,
}
for (const [how, policyOf] of Object.entries(additions)) {
  const before = engine
  const times = Array.from({ length: 200 }, (_, i) =>
    milliseconds(() => {
      engine = engine.with({ add: policyOf(i) })
    }),
  ).sort((a, b) => a - b)
  engine = before
  say(
    `adding one policy ${how} to ${many}, with a schema: p50 ${times[100]?.toFixed(2)} ms, p99 ${times[198]?.toFixed(2)} ms`,
  )
}

const population = isQuick ? 100_000 : 1_000_000
const before = memory()
let entities = Entities.fromJson([])
const read = milliseconds(() => {
  entities = Entities.fromJson(peopleAndDocuments(population))
})
say(`reading ${population} entities: ${(read / 1000).toFixed(1)} s, ${(memory() - before).toFixed(0)} MiB`)
const updates = Array.from({ length: 20_000 }, (_, i) => {
  const put = [documentOf(i * 7)]
  const started = process.hrtime.bigint()
  entities = entities.with({ put })
  return Number(process.hrtime.bigint() - started)
}).sort((a, b) => a - b)
say(`changing one of them: p50 ${text(updates[10_000] ?? 0)}, p99 ${text(updates[19_800] ?? 0)}`)
const among = { ...roles(many), name: `${many} policies among them`, requests: requestsAmong(population) }
const amongThem = time((request) => engine.decide(request, entities).decision === 'allow', among, 200_000)
say(
  `${many} policies and ${population} entities: p50 ${text(amongThem.p50)}, p99 ${text(amongThem.p99)}, ${memory().toFixed(0)} MiB in all`,
)

function* range(count: number): IterableIterator<number> {
  for (let i = 0; i < count; i++) yield i
}

function documentOf(i: number): EntityJson {
  return {
    uid: { type: 'Document', id: `d${i}` },
    attrs: {
      status: i % 5 === 0 ? 'archived' : 'active',
      owner: { __entity: { type: 'User', id: `u${i % 1000}` } },
      size: i,
    },
    parents: [{ type: 'Project', id: `p${i % many}` }],
  }
}

function userOf(i: number): EntityJson {
  return {
    uid: { type: 'User', id: `u${i}` },
    attrs: { level: i % 10 },
    parents: [{ type: 'Role', id: `r${i % many}` }],
  }
}

function peopleAndDocuments(count: number): EntityJson[] {
  return Array.from(range(count), (i) => (i % 10 === 0 ? userOf(i / 10) : documentOf(i)))
}

function requestsAmong(count: number): Workload['requests'] {
  return Array.from(range(512), (i) => ({
    principal: { type: 'User', id: `u${(i * 7919) % (count / 10)}` },
    action: { type: 'Action', id: 'read' },
    resource: { type: 'Document', id: `d${i % 2 === 0 ? ((i * 7919) % (count / 10)) + many : (i * 104729) % count}` },
  }))
}
