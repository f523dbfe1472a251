// `npm run bench:authzen`: AuthZEN over HTTP, each answer after its record is durable, beside casbin behind the same
// kind of server, without authentication or records. Each on one core. `--cpu-prof` writes a profile of Sallyport.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { startSallyport } from '../examples/tour/sallyport.ts'
import { POLICIES, SUBJECTS } from './authzen-policies.ts'
import { type Load, type Measured, measure } from './gateway-load.ts'

const ROUNDS = 4
const MS = 1500
const BATCH = 100
const profile = process.argv.includes('--cpu-prof')
const pins = process.platform === 'linux' && availableParallelism() > 1
pin(process.pid, 1)

const peer = await start('authzen-peer.ts')
const sallyport = await startSallyport({
  config: { log: 'error' },
  nodeArguments: profile ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : [],
})
try {
  await declarePolicies()
  const token = (await command('token', 'olivia', '--audience', 'api')).trim()
  const targets = [
    { name: 'casbin', url: `http://127.0.0.1:${peer.port}/access/v1/`, pid: peer.child.pid ?? 0 },
    {
      name: 'sallyport',
      url: `${sallyport.url}/t/demo/access/v1/`.replace('//localhost', '//127.0.0.1'),
      pid: sallyport.process.pid ?? 0,
    },
  ]
  for (const { pid } of targets) pin(pid, 0)
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const question = (i: number) => ({
    subject: { type: 'user', id: `user${i % SUBJECTS}` },
    action: { name: 'model:invoke' },
    resource: { type: 'Model', id: `model${i % SUBJECTS}` },
  })
  const single = JSON.stringify(question(7))
  const batch = JSON.stringify({ evaluations: Array.from({ length: BATCH }, (_, i) => question(i)) })
  print(`${POLICIES} policies; each of the two ${pins ? 'pinned to one core' : 'in one process'}\n`)
  print(
    ['', 'evaluations/s', 'CPU µs each', 'p50 ms', 'p99 ms']
      .map((cell, i) => cell.padStart(i === 0 ? 24 : 15))
      .join(''),
  )
  for (const [endpoint, body, each, connections] of [
    ['evaluation', single, 1, 64],
    ['evaluations', batch, BATCH, 16],
  ] as const) {
    const load = (target: (typeof targets)[number], ms: number): Load => ({
      url: target.url + endpoint,
      headers,
      body,
      connections,
      ms,
      pid: target.pid,
    })
    for (const target of targets) await measure(load(target, 4 * MS))
    const found = targets.map((): Measured[] => [])
    // Interleaved, because a shared machine changes its speed from one second to the next.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, target] of targets.entries()) found[index]?.push(await measure(load(target, MS)))
    }
    for (const [index, { name }] of targets.entries()) report(`${endpoint}, ${name}`, found[index] ?? [], each)
  }
  print('\npublished, not measured here: Cerbos, 4 cores, 8,000 policies: 7,700/s, p50 2.6 ms')
} finally {
  if (profile) await sallyport.stop()
  await sallyport.remove()
  peer.child.kill()
}

function report(name: string, measured: readonly Measured[], each: number): void {
  const evaluations = sum(measured, ({ requests }) => requests) * each
  const latencies = measured.flatMap((one) => one.latencies).sort((a, b) => a - b)
  const at = (part: number): string => (latencies[Math.floor(latencies.length * part)] ?? 0).toFixed(2)
  const cells = [
    Math.round((1000 * evaluations) / sum(measured, ({ ms }) => ms)).toLocaleString('en'),
    (sum(measured, ({ cpu }) => cpu) / evaluations).toFixed(1),
    at(0.5),
    at(0.99),
  ]
  print(name.padStart(24) + cells.map((cell) => cell.padStart(15)).join(''))
}

function sum(measured: readonly Measured[], of: (one: Measured) => number): number {
  return measured.reduce((total, one) => total + of(one), 0)
}

/** Half of the policies permit one group one model each, the others are about groups that nobody here is in. */
async function declarePolicies(): Promise<void> {
  const ids = Array.from({ length: SUBJECTS }, (_, i) => i)
  const named = (prefix: string, value: (i: number) => object) =>
    Object.fromEntries(ids.map((i) => [`${prefix}${i}`, value(i)]))
  const manifest = {
    users: named('user', (i) => ({ name: `User ${i}` })),
    groups: named('group', (i) => ({ members: [`user${i}`] })),
    resources: named('Model::model', () => ({})),
    policies: ['bench.cedar'],
  }
  const statements = Array.from({ length: POLICIES }, (_, i) => {
    const group = i < SUBJECTS ? `group${i}` : `other${i}`
    return `@id("b${i}") permit (principal in Group::"${group}", action == Action::"model:invoke", resource == Model::"model${i % SUBJECTS}");`
  })
  const asks = '@id("asks") permit (principal == User::"olivia", action == Action::"decision:ask", resource);'
  writeFileSync(join(sallyport.home, 'bench.cedar'), [asks, ...statements].join('\n'))
  writeFileSync(join(sallyport.home, 'bench.yaml'), JSON.stringify(manifest))
  await command('apply', '-f', join(sallyport.home, 'bench.yaml'))
}

async function command(...args: readonly string[]): Promise<string> {
  const { ok, stdout, stderr } = await sallyport.cli(...args)
  if (!ok) throw new Error(stderr)
  return stdout
}

async function start(file: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, file)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = await once(child, 'message')
  return { child, port: Number(port) }
}

/** Every thread of the process; what it starts later inherits it. */
function pin(pid: number, core: number): void {
  if (pins) execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
