import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { type Access, openAccess, openLedger, openRates, type PolicyFile, type Question } from '../src/access/index.ts'
import { type Context, newTxn, type PrincipalId, systemClock, type TenantId } from '../src/kernel/index.ts'
import { openStores } from '../src/store/index.ts'

// npm run bench:access: what a decision costs, with a chain of two, four layers, all facts, limits and 10,000
// policies; and what reserving and settling costs on disk.

const POLICIES = 10_000
const foundation = join(import.meta.dirname, '../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const clock = systemClock
const uid = (type: string, id: string) => ({ type, id })

const files = policyFiles(POLICIES)
const foundationFiles = {
  schema: read('schema.cedarschema').text,
  policies: globSync('policies/**/*.cedar', { cwd: foundation }).sort().map(read),
  roles: [read('roles/roles.cedar')],
}
const access = openAccess(foundationFiles, 'demo')
const origin = { user: ['/to'], system: [], trusted: [], untrusted: ['/body'], model: ['/subject'] }
const question = (i: number): Question => ({
  action: 'tool:call',
  resource: uid('Tool', `server${i % 100}/send`),
  call: { arguments: { '/to': 'bob@example.com', '/subject': 'hello', '/body': 'a text of some length' }, origin },
})
const invoke = (i: number): Question => ({
  action: 'model:invoke',
  resource: uid('Model', `m${i % 100}`),
  amounts: { input_tokens: 200, output_tokens: 800 },
})
const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
const stores = openStores(directory)
await stores.createTenant('demo' as TenantId, clock.now()) // a valid id
access.setLimits({
  ledger: await openLedger({ store: await stores.tenant('demo' as TenantId), clock }),
  rates: openRates(),
  meter: { reserved: () => undefined, refused: () => undefined },
  onShare: () => undefined,
})

putEntities(access)
await activate(access, files, `activation of ${POLICIES} policies`)
await activate(access, oneChanged(files), '… with one file of 50 changed')
access.setHours({ timeZone: 'Europe/Vienna', working: { days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' } })

process.stdout.write(`${cpus()[0]?.model ?? 'cpu'}, Node ${process.version}, ${POLICIES} policies in four layers\n\n`)
measure('tool call, chain of two, allowed', question, (i) => context(i, ['User', 'Agent']))
measure('model call, chain of two, allowed', invoke, (i) => context(i, ['User', 'Agent']))
measure('model call, chain of one, allowed', invoke, (i) => context(i, ['Agent']))
measure(
  'model call, denied, with advice',
  (i) => ({ ...invoke(i), action: 'model:deploy' }),
  (i) => context(i, ['User']),
)
await reserveAndSettle()
changeOneOfMany()
await stores.close()
rmSync(directory, { recursive: true, force: true })
process.stdout.write('\npublished, not measured here: Cerbos, 4 cores, 8,000 policies: 7,700/s, p50 2.6 ms\n')

function measure(what: string, ask: (i: number) => Question, ctx: (i: number) => Context): void {
  const rounds = 40_000
  const contexts = Array.from({ length: 1000 }, (_, i) => ctx(i))
  const questions = Array.from({ length: 1000 }, (_, i) => ask(i))
  const at = <T>(list: readonly T[], i: number): T => list[i % list.length] as T // not empty
  for (let i = 0; i < 20_000; i++) access.decide(at(contexts, i), at(questions, i))
  const times = new Float64Array(rounds)
  let allowed = 0
  const started = performance.now()
  for (let i = 0; i < rounds; i++) {
    const before = performance.now()
    if (access.decide(at(contexts, i), at(questions, i)).decision === 'allow') allowed++
    times[i] = performance.now() - before
  }
  const seconds = (performance.now() - started) / 1000
  times.sort()
  const percentile = (p: number): string => `${((times[Math.floor(rounds * p)] ?? 0) * 1000).toFixed(1)} µs`
  const rate = Math.round(rounds / seconds).toLocaleString('en')
  process.stdout.write(
    `${what.padEnd(36)} p50 ${percentile(0.5)}  p99 ${percentile(0.99)}  ${rate}/s  (${Math.round((allowed / rounds) * 100)} % allowed)\n`,
  )
}

/** What an enforced action costs beside its decision: a rate and a budget for each link, on disk before it begins. */
async function reserveAndSettle(): Promise<void> {
  const [rounds, callers] = [6_000, 64]
  let next = 0
  const caller = async (): Promise<void> => {
    for (let i = next++; i < rounds; i = next++) {
      const [ctx, asked] = [context(i, ['User', 'Agent']), invoke(i)]
      const reserved = await access.reserve(ctx, [asked], [access.decide(ctx, asked)])
      if (reserved.refused !== undefined) throw new Error('the limits of this benchmark are too narrow')
      reserved.settle({ input_tokens: 180, output_tokens: 300 })
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  const rate = Math.round((rounds / (performance.now() - started)) * 1000).toLocaleString('en')
  process.stdout.write(`\ndecide, reserve durably and settle, ${callers} callers  ${rate}/s\n`)
}

/** What it takes until the next decision sees that one principal of many is suspended and has lost a role. */
function changeOneOfMany(): void {
  const many = 100_000
  const scoped = 10_000
  const other = openAccess(foundationFiles, 'demo')
  const tenant = [uid('Tenant', 'demo')]
  const on = uid('Project', 'p')
  const person = (i: number, status: string) => ({
    uid: uid('User', `u${i}`),
    attrs: { name: `u${i}`, status },
    parents: tenant,
  })
  other.putEntities('resources', [
    { uid: uid('Tenant', 'demo') },
    { uid: on, parents: tenant },
    { uid: uid('Dataset', 'd'), attrs: {}, parents: [on] },
  ])
  other.putEntities(
    'directory',
    Array.from({ length: many }, (_, i) => person(i, 'active')),
  )
  const grant = (i: number) => ({ role: 'data-scientist', assignee: uid('User', `u${i}`), on, until: undefined })
  other.setRoles({ grants: Array.from({ length: scoped }, (_, i) => grant(i)), declared: new Set() })
  const times: number[] = []
  let denied = 0
  for (let i = 0; i < 1000; i++) {
    const { caller, ...rest } = context(i, ['User'])
    const { mandate: _, ...unbound } = caller
    const ctx = {
      ...rest,
      caller: { ...unbound, chain: [{ kind: 'User' as const, id: `u${i}` as PrincipalId }] as const },
    } // ids of this file
    const asked = { action: 'data:read', resource: uid('Dataset', 'd') }
    if (other.decide(ctx, asked).decision !== 'allow') throw new Error('the role grants nothing')
    const before = performance.now()
    other.changeEntities('directory', { put: [{ entity: person(i, 'suspended') }] })
    void other.changeRoles([uid('User', `u${i}`)], () => [])
    if (other.decide(ctx, asked).decision === 'deny') denied++
    times.push(performance.now() - before)
  }
  times.sort((a, b) => a - b)
  const at = (p: number): string => `${((times[Math.floor(times.length * p)] ?? 0) * 1000).toFixed(0)} µs`
  process.stdout.write(
    `\none of ${many} principals suspended, one of ${scoped} roles taken, until the decision sees it: p50 ${at(0.5)}  p99 ${at(0.99)}  (${denied} of ${times.length} denied)\n`,
  )
}

/** Puts policies in force while decisions go on, and says how long the longest pause between two of them was. */
async function activate(target: Access, list: readonly PolicyFile[], what: string): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const asking = Array.from({ length: 100 }, (_, i) => context(i, ['User', 'Agent']))
  let isDone = false
  let decisions = 0
  let longest = 0
  let busiest = 0
  const deciding = async (): Promise<void> => {
    let last = performance.now()
    let cpu = threadTime()
    while (!isDone) {
      for (const ctx of asking.slice(0, 10)) target.decide(ctx, invoke(decisions++))
      await setImmediate()
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
      busiest = Math.max(busiest, threadTime() - cpu)
      cpu = threadTime()
    }
  }
  const others = deciding()
  delay.enable()
  const started = performance.now()
  await target.setPolicies(list)
  const total = performance.now() - started
  isDone = true
  await others
  delay.disable()
  const loop = `event loop delay p99 ${ms(delay.percentile(99))}, longest ${ms(delay.max)}`
  process.stdout.write(
    `${what}: ${Math.round(total)} ms; meanwhile ${decisions} decisions, longest pause ${longest.toFixed(1)} ms (${busiest.toFixed(1)} ms of them computing); ${loop}\n`,
  )
}

/** Milliseconds that this thread has computed; without the time in which the machine was busy with something else. */
function threadTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function ms(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toFixed(1)} ms`
}

function oneChanged(list: readonly PolicyFile[]): readonly PolicyFile[] {
  return list.map((file) =>
    file.name === 'tenant7.cedar' ? { ...file, text: `${file.text}\n${statement('changed', 7)}` } : file,
  )
}

function context(i: number, kinds: readonly ('User' | 'Agent')[]): Context {
  const link = (kind: 'User' | 'Agent') => ({ kind, id: `${kind.toLowerCase()}${i % 100}` as PrincipalId }) // ids of this file
  const [first = link('Agent'), ...rest] = kinds.map(link)
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    address: '8.8.8.8',
    caller: {
      chain: [first, ...rest],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now(), factors: ['hwk', 'user'], assurance: 3 },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 60_000,
      mandate: {
        actions: ['models', 'tools'],
        resources: [uid('Tenant', 'demo')],
        purpose: 'bench',
        expiresAt: clock.now() + 3_600_000,
      },
    },
  }
}

/** Half of the policies are the tenant's, the rest those of projects and agents; each layer has a ceiling. */
function policyFiles(count: number): readonly PolicyFile[] {
  const list: PolicyFile[] = []
  const add = (file: PolicyFile): void => void list.push(file)
  add({
    name: 'all.cedar',
    text: '@id("all") permit (principal in Group::"staff", action in [Action::"models", Action::"tools"], resource);',
  })
  for (let f = 0; f < 100; f++) {
    const statements: string[] = []
    for (let p = 0; p < count / 200; p++) statements.push(statement(`t${f}-${p}`, f * 50 + p))
    add({ name: `tenant${f}.cedar`, text: statements.join('\n') })
  }
  for (let f = 0; f < 100; f++) {
    const statements: string[] = []
    for (let p = 0; p < count / 200; p++) statements.push(statement(`p${f}-${p}`, f * 50 + p))
    const layer =
      f % 2 === 0
        ? ({ kind: 'project', id: `project${f}` } as const)
        : ({ kind: 'agent', type: 'AgentType', id: `type${f}` } as const)
    add({ name: `low${f}.cedar`, text: statements.join('\n'), layer })
    add({
      name: `low${f}-ceiling.cedar`,
      text: `@id("c${f}") permit (principal, action, resource);`,
      layer,
      as: 'ceiling',
    })
  }
  add({
    name: 'limits.cedar',
    as: 'limits',
    text: [
      '@id("rate") @limit("1000000/minute") permit (principal, action in Action::"models", resource);',
      '@id("budget") @budget("1000000000 tokens/day") @notify("80%") permit (principal, action in Action::"models", resource);',
      '@id("calls") @limit("1000000/minute") @per("resource") permit (principal, action == Action::"tool:call", resource);',
      ...Array.from(
        { length: 50 },
        (_, i) => `@id("other${i}") @limit("1/hour") permit (principal == Agent::"other${i}", action, resource);`,
      ),
    ].join('\n'),
  })
  add({ name: 'ceiling.cedar', text: '@id("c") permit (principal, action, resource);', as: 'ceiling' })
  return list
}

function statement(id: string, n: number): string {
  const effect = n % 10 === 0 ? 'forbid' : 'permit'
  const who = [
    `principal == Agent::"agent${n + 200}"`,
    `principal in Group::"group${n}"`,
    `principal in AgentType::"type${n % 100}"`,
  ][n % 3]
  const condition =
    effect === 'forbid'
      ? 'when { context has network && context.network has country && context.network.country == "XX" }'
      : 'when { context has time && context.time.working && context.authentication.age < 3600 }'
  return `@id("${id}") ${effect} (${who}, action in Action::"${n % 2 === 0 ? 'models' : 'tools'}", resource) ${condition};`
}

function putEntities(target: Access): void {
  const tenant = [uid('Tenant', 'demo')]
  target.putEntities('bench', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Group', 'staff') },
    ...Array.from({ length: 100 }, (_, i) => [
      { uid: uid('Project', `project${i}`), parents: tenant },
      { uid: uid('AgentType', `type${i}`) },
      { uid: uid('User', `user${i}`), attrs: { name: 'u', status: 'active' }, parents: [uid('Group', 'staff')] },
      {
        uid: uid('Agent', `agent${i}`),
        attrs: { name: 'a', status: 'active', level: 1, sponsor: { __entity: uid('User', `user${i}`) } },
        parents: [uid('Group', 'staff'), uid('AgentType', `type${i}`)],
      },
      { uid: uid('Model', `m${i}`), attrs: { upstream: 'u' }, parents: [uid('Project', `project${i}`)] },
      { uid: uid('ToolServer', `server${i}`), attrs: { trusted: false }, parents: [uid('Project', `project${i}`)] },
      {
        uid: uid('Tool', `server${i}/send`),
        attrs: { name: 'send', status: 'accepted', guarded: ['/to'] },
        parents: [uid('ToolServer', `server${i}`)],
      },
    ]).flat(),
  ])
}
