// `npm run bench:gateway`: what the gateway costs beside a bare streaming proxy, each on one core.
// With `--cpu-prof` the gateway writes a profile into the working directory; `--only=streamed` leaves the others out.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { accessToken } from '../examples/tour/clients.ts'
import { startSallyport } from '../examples/tour/sallyport.ts'
import { type Load, type Measured, measure } from './gateway-load.ts'

const ROUNDS = 4
const MS = 1000
// The compiler is not done with the gateway's code before it has seen some ten thousand requests.
const WARM_UP = { requests: 12_000, ms: 4_000 }
const profile = process.argv.includes('--cpu-prof')
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length) ?? ''

const QUESTION = {
  model: 'bench-chat',
  messages: [
    { role: 'system', content: 'You are the assistant of the research department. Answer briefly.' },
    { role: 'user', content: 'Which gates does a sally port have, and why is nobody ever between two open ones?' },
  ],
}
const WORKLOADS = [
  { name: 'whole answer', accept: 'application/json', body: JSON.stringify(QUESTION) },
  { name: 'streamed answer', accept: 'text/event-stream', body: JSON.stringify({ ...QUESTION, stream: true }) },
] as const

// What is measured has a core for itself; whatever asks and answers around it shares another.
const pins = process.platform === 'linux' && availableParallelism() > 1
pin(process.pid, 1)

const upstream = await start('gateway-upstream.ts')
const proxy = await start('gateway-proxy.ts', String(upstream.port))
const bare = await start('gateway-upstream.ts')
const sallyport = await startSallyport({
  config: { log: 'error' },
  nodeArguments: profile ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : [],
})
try {
  await declareModel()
  const token = (await accessToken(sallyport.credentials, 'research-assistant')).token
  for (const child of [proxy.child, bare.child, sallyport.process]) pin(child.pid ?? 0, 0)
  const path = '/v1/chat/completions'
  const targets = [
    { name: 'bare server', url: `http://127.0.0.1:${bare.port}${path}`, pid: bare.child.pid ?? 0, token: undefined },
    { name: 'bare proxy', url: `http://127.0.0.1:${proxy.port}${path}`, pid: proxy.child.pid ?? 0, token: undefined },
    {
      name: 'gateway',
      url: `${sallyport.url}/t/demo/gw/openai${path}`.replace('//localhost', '//127.0.0.1'),
      pid: sallyport.process.pid ?? 0,
      token,
    },
  ] as const
  print(`each of the three ${pins ? 'pinned to one core' : 'in one process'}; undici's pool.stream is the bare proxy`)
  for (const { name, accept, body } of WORKLOADS.filter((workload) => workload.name.startsWith(only))) {
    const load = (target: (typeof targets)[number], connections: number, ms: number): Load => ({
      url: target.url,
      pid: target.pid,
      headers: {
        accept,
        'content-type': 'application/json',
        ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
      },
      body,
      connections,
      ms,
    })
    for (const target of targets) {
      let [requests, ms] = [0, 0]
      while (requests < WARM_UP.requests && ms < WARM_UP.ms) {
        const warm = await measure(load(target, 64, MS / 2))
        requests += warm.requests
        ms += warm.ms
      }
    }
    // Interleaved, because a shared machine changes its speed from one second to the next.
    const busy = targets.map((): Measured[] => [])
    const calm = targets.map((): Measured[] => [])
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, target] of targets.entries()) busy[index]?.push(await measure(load(target, 64, MS)))
      for (const [index, target] of targets.entries()) calm[index]?.push(await measure(load(target, 1, MS / 4)))
    }
    report(
      name,
      targets.map((target) => target.name),
      busy,
      calm,
    )
  }
} finally {
  await sallyport.remove()
  for (const { child } of [upstream, proxy, bare]) child.kill()
}

function report(
  workload: string,
  names: readonly string[],
  busy: readonly (readonly Measured[])[],
  calm: readonly (readonly Measured[])[],
): void {
  const total = sum([...(busy[2] ?? []), ...(calm[2] ?? [])], ({ requests }) => requests)
  print(`\n${workload}, ${ROUNDS} rounds, ${total} requests through the gateway`)
  print(`${''.padEnd(12)}${['req/s', 'CPU µs/req', 'p50 ms', 'p99 ms', 'p50 added', 'p99 added'].map(cell).join('')}`)
  const proxyAt = names.indexOf('bare proxy')
  for (const [index, name] of names.entries()) {
    const [p50, p99] = [at(calm[index], 0.5), at(calm[index], 0.99)]
    const [added50, added99] = [p50 - at(calm[proxyAt], 0.5), p99 - at(calm[proxyAt], 0.99)]
    const numbers = [perSecond(busy[index]).toFixed(0), cpu(busy[index]).toFixed(0), p50.toFixed(2), p99.toFixed(2)]
    const added = name === 'gateway' ? [added50.toFixed(2), added99.toFixed(2)] : []
    print(`${name.padEnd(12)}${[...numbers, ...added].map(cell).join('')}`)
  }
  const gatewayAt = names.indexOf('gateway')
  const ratios = (busy[gatewayAt] ?? []).map(
    (one, round) => perSecond([one]) / perSecond(busy[proxyAt]?.slice(round, round + 1)),
  )
  const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0
  print(
    `gateway / bare proxy: ${median.toFixed(2)} of its requests/s (median of rounds), ` +
      `${(cpu(busy[proxyAt]) / cpu(busy[gatewayAt])).toFixed(2)} by CPU time`,
  )
}

/** The latencies are those of one request at a time: what is added, not how long the queue is. */
function at(measured: readonly Measured[] | undefined, part: number): number {
  const all = (measured ?? []).flatMap(({ latencies }) => latencies).sort((a, b) => a - b)
  return all[Math.floor(all.length * part)] ?? 0
}

function perSecond(measured: readonly Measured[] | undefined): number {
  return (1000 * sum(measured, ({ requests }) => requests)) / sum(measured, ({ ms }) => ms)
}

function cpu(measured: readonly Measured[] | undefined): number {
  return sum(measured, (one) => one.cpu) / sum(measured, ({ requests }) => requests)
}

function sum(measured: readonly Measured[] | undefined, of: (one: Measured) => number): number {
  return (measured ?? []).reduce((total, one) => total + of(one), 0)
}

async function declareModel(): Promise<void> {
  const file = join(sallyport.home, 'bench.yaml')
  const manifest = {
    upstreams: {
      bench: { kind: 'openai', url: `http://127.0.0.1:${upstream.port}/v1`, credential: { value: 'none' } },
    },
    models: { 'bench-chat': { upstream: 'bench', upstreamModel: 'bench' } },
  }
  writeFileSync(file, JSON.stringify(manifest))
  const { ok, stderr } = await sallyport.cli('apply', '-f', file)
  if (!ok) throw new Error(stderr)
}

async function start(file: string, ...args: readonly string[]): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = await once(child, 'message')
  return { child, port: Number(port) }
}

/** Every thread of the process; what it starts later inherits it. */
function pin(pid: number, core: number): void {
  if (pins) execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
}

function cell(text: string): string {
  return text.padStart(11)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
