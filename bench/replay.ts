// `npm run bench:replay [-- DECISIONS]`: deciding again what a company did (examples/fleet), reading included; checking
// and testing many policies; suggesting over a million records; and what a candidate in shadow costs.
import { cpus } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { openFleet } from '../examples/fleet/fleet.ts'
import { FIRST_DAY } from '../examples/fleet/requests.ts'
import {
  Comparison,
  changesUnder,
  checkPolicies,
  type ObservedDecision,
  openAccess,
  openTrial,
  type PolicyFile,
  parseCases,
  type Question,
  recordedDecisions,
} from '../src/access/index.ts'
import type { ScannedRecord } from '../src/audit/index.ts'
import { type Context, newTxn, type PrincipalId, systemClock, type TenantId } from '../src/kernel/index.ts'
import { readFoundation } from '../src/server/index.ts'

const decisions = Number(process.argv[2] ?? 30_000)
const ROUNDS = 5
const DAY = 86_400_000

print(`${cpus()[0]?.model ?? 'cpu'}, Node ${process.version}; CPU time of one thread where it says CPU\n`)
const fleet = await openFleet()
const played = await timed(() => fleet.play({ decisions }))
print(`${played.value.decisions} decisions of a company, decided and recorded`, `${played.seconds.toFixed(1)} s`)
const NO_MAIL: PolicyFile = {
  name: 'no-mail.cedar',
  text: '@id("no-mail") forbid (principal, action == Action::"tool:call", resource == Tool::"office/send_mail");',
}
await reading()
await replaying()
await suggesting(Number(process.argv[3] ?? 1_000_000))
await fleet.close()
await checkingAndTesting(1000)
await shadowing()

async function reading(): Promise<void> {
  let [best, count] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const { cpu } = await timed(() => {
      count = 0
      for (const batch of batches()) count += batch.length
    })
    best = Math.max(best, count / cpu)
  }
  print('records read, opened and parsed, CPU', `${rate(best)}/s`)
}

async function replaying(): Promise<void> {
  const replayer = await fleet.tenant.history.replayer()
  const active = fleet.tenant.revisions.active().files
  const foundation = readFoundation()
  for (const [name, files] of [
    ['the policies in force, each of them', active],
    ['a candidate, what it can change', [...active, NO_MAIL]],
  ] as const) {
    const candidate = replayer.compile({ foundation, files })
    let [best, fastest, differences, lost] = [0, 0, 0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      const comparison = new Comparison({ kindOf: ({ type }) => type })
      const changes = changesUnder(candidate, (revision) => replayer.setOf(revision))
      const isWhole = files === active
      lost = 0
      const { cpu, seconds } = await timed(async () => {
        for (const batch of batches()) {
          for (const record of batch) {
            const found = recordedDecisions(record)
            if ('why' in found) continue
            await replayer.prepare(found)
            for (const recorded of found) {
              if (!isWhole && !changes.concern(recorded)) {
                comparison.stays()
                continue
              }
              const again = replayer.replay(recorded, candidate)
              if (again.kind === 'cannot') lost++
              else comparison.add(recorded, again.decision)
            }
          }
        }
      })
      differences = comparison.differences
      best = Math.max(best, comparison.decided / cpu)
      fastest = Math.max(fastest, comparison.decided / seconds)
    }
    print(
      `decided again under ${name}, with reading, CPU`,
      `${rate(best)}/s (${rate(fastest)}/s by the clock; ${differences} others, ${lost} not replayable)`,
    )
  }
}

/** What was recorded, again and again until there are so many. */
async function suggesting(most: number): Promise<void> {
  let records = 0
  async function* observed(): AsyncGenerator<ObservedDecision> {
    while (records < most) {
      for (const batch of batches()) {
        for (const record of batch) {
          records++
          const found = recordedDecisions(record)
          if (!('why' in found)) yield* found
        }
        if (records >= most) return
      }
    }
  }
  globalThis.gc?.()
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 100)
  const span = { since: FIRST_DAY, until: FIRST_DAY + 7 * DAY, accept: [] }
  const { value, seconds, cpu } = await timed(() => fleet.tenant.access.suggest(observed(), span))
  clearInterval(watch)
  print(
    `suggested over ${records.toLocaleString('en')} records`,
    `${seconds.toFixed(1)} s (CPU ${cpu.toFixed(1)} s), ${value.statements.length} statements, at most ${(peak / 2 ** 20).toFixed(0)} MB`,
  )
}

async function checkingAndTesting(count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => i)
  const files: PolicyFile[] = ids.slice(0, 50).map((file) => ({
    name: `p${file}.cedar`,
    text: ids
      .filter((i) => i % 50 === file)
      .map(
        (i) =>
          `@id("p${i}") permit (principal == Agent::"a${i}", action == Action::"model:invoke", resource == Model::"m${i}") when { context.authentication.age < ${600 + i} };`,
      )
      .join('\n'),
  }))
  // Every third asks for a model of somebody else.
  const cases = ids.map((i) => {
    const [model, expected] = i % 3 === 0 ? [(i + 1) % count, 'deny'] : [i, 'allow']
    return `  - { name: c${i}, by: a${i}, resource: 'Model::m${model}', expect: ${expected} }`
  })
  const text = `defaults: { action: model:invoke, at: 2026-11-20T10:00:00Z }\ncases:\n${cases.join('\n')}\n`
  const tenant = 'demo' as TenantId // a valid id
  const root = [{ type: 'Tenant', id: 'demo' }]
  const sponsor = { __entity: { type: 'User', id: 'u' } }
  const entities = [
    { uid: { type: 'Tenant', id: 'demo' } },
    { uid: { type: 'User', id: 'u' }, attrs: { name: 'u', status: 'active' }, parents: root },
    ...ids.flatMap((i) => [
      { uid: { type: 'Agent', id: `a${i}` }, attrs: { name: 'a', status: 'active', sponsor }, parents: root },
      { uid: { type: 'Model', id: `m${i}` }, attrs: {}, parents: root },
    ]),
  ]
  const foundation = readFoundation()
  // What ships with the product is read once in a process, whatever is checked.
  openAccess(foundation, 'demo')
  const { seconds, cpu, value } = await timed(() => {
    const findings = checkPolicies(foundation, files)
    const roles = { grants: [], declared: new Set<string>() }
    const trial = openTrial({ tenant, foundation, policies: files, roles, entities })
    const results = parseCases({ name: 'x.test.yaml', text }).map((one) => trial.run(one))
    return { findings: findings.length, failed: results.filter(({ passed }) => !passed) }
  })
  const [first] = value.failed
  if (first !== undefined) throw new Error(first.problems.join())
  print(`${count} policies checked, ${count} cases run`, `${seconds.toFixed(2)} s (CPU ${cpu.toFixed(2)} s)`)
}

/** How much more deciding costs while a candidate is in shadow, with the candidate's own decisions. */
async function shadowing(): Promise<void> {
  const policies = Array.from(
    { length: 1000 },
    (_, i) =>
      `@id("s${i}") permit (principal in Group::"g${i}", action in Action::"${i % 2 === 0 ? 'models' : 'tools'}", resource) when { context.chainLength < 9 };`,
  )
  const base: PolicyFile = {
    name: 'base.cedar',
    text: [...policies, '@id("all") permit (principal, action in [Action::"models", Action::"tools"], resource);'].join(
      '\n',
    ),
  }
  const access = openAccess(readFoundation(), 'demo')
  putWorld(access)
  await access.setPolicies([base])
  const concerned = {
    name: 'c.cedar',
    text: '@id("c") forbid (principal, action == Action::"model:invoke", resource) when { context.chainLength > 5 };',
  }
  const other = { name: 'o.cedar', text: '@id("o") forbid (principal, action == Action::"data:write", resource);' }
  const alone = await cheapest(access)
  print('\na decision, a chain of two, CPU', `${alone.toFixed(1)} µs`)
  for (const [name, candidate] of [
    ['that concerns every request', concerned],
    ['that concerns none of them', other],
  ] as const) {
    const shares: number[] = []
    // One beside the other, because a shared machine changes its speed.
    for (let round = 0; round < ROUNDS; round++) {
      const without = await cheapest(access)
      const hooks = { onDifference: () => undefined, onFailure: (error: unknown) => print(String(error)) }
      const shadow = await access.shadow([base, candidate], hooks)
      const beside = await cheapest(access)
      shadow.end()
      shares.push(beside / without - 1)
    }
    const [middle = 0] = shares.sort((a, b) => a - b).slice(Math.floor(ROUNDS / 2))
    print(`… with a candidate in shadow ${name}`, `+${(100 * middle).toFixed(0)} %`)
  }
}

/** CPU of one decision in microseconds, with everything that it leaves to be done later. */
async function cheapest(access: ReturnType<typeof openAccess>): Promise<number> {
  const rounds = 20_000
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3; attempt++) {
    const { cpu } = await timed(async () => {
      for (let i = 0; i < rounds; i++) {
        access.decide(contextOf(i), {
          action: 'model:invoke',
          resource: { type: 'Model', id: `m${i % 50}` },
        } satisfies Question)
        // As the requests of a server come in.
        if (i % 20 === 19) await setImmediate()
      }
      // What waits belongs to them.
      for (let turn = 0; turn < 200; turn++) await setImmediate()
    })
    best = Math.min(best, (cpu * 1e6) / rounds)
  }
  return best
}

function putWorld(access: ReturnType<typeof openAccess>): void {
  const root = [{ type: 'Tenant', id: 'demo' }]
  access.putEntities('bench', [
    { uid: { type: 'Tenant', id: 'demo' } },
    ...Array.from({ length: 50 }, (_, i) => [
      { uid: { type: 'Group', id: `g${i}` } },
      {
        uid: { type: 'User', id: `u${i}` },
        attrs: { name: 'u', status: 'active' },
        parents: [...root, { type: 'Group', id: `g${i}` }],
      },
      {
        uid: { type: 'Agent', id: `a${i}` },
        attrs: { name: 'a', status: 'active', sponsor: { __entity: { type: 'User', id: `u${i}` } } },
        parents: root,
      },
      { uid: { type: 'Model', id: `m${i}` }, attrs: {}, parents: root },
    ]).flat(),
  ])
}

function contextOf(i: number): Context {
  const now = systemClock.now()
  const id = (prefix: string) => `${prefix}${i % 50}` as PrincipalId // ids of this file
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(now),
    trace: '0'.repeat(32),
    clock: systemClock,
    address: '8.8.8.8',
    caller: {
      chain: [
        { kind: 'User', id: id('u') },
        { kind: 'Agent', id: id('a') },
      ],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: now },
      scope: undefined,
      credential: 'c',
      expiresAt: now + 60_000,
    },
  }
}

function* batches(): Generator<readonly ScannedRecord[]> {
  const scan = fleet.tenant.log.scan({ kinds: ['decision'] })
  try {
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) yield batch
  } finally {
    scan.close()
  }
}

async function timed<T>(work: () => T | Promise<T>): Promise<{ value: T; seconds: number; cpu: number }> {
  const [started, before] = [performance.now(), process.threadCpuUsage()]
  const value = await work()
  const { user, system } = process.threadCpuUsage(before)
  return { value, seconds: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 }
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en')
}

function print(what: string, value = ''): void {
  process.stdout.write(`${value === '' ? what : `${what.padEnd(62)} ${value}`}\n`)
}
