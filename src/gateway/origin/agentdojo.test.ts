// Replays recorded runs of agents, half of them attacked through what their tools returned (AgentDojo).
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { fakeClock, type Json, newTxn } from '../../kernel/index.ts'
import type { ArgumentOrigins } from '../ports.ts'
import { createOriginMemory } from './index.ts'

interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string | null | readonly { readonly content: string }[]
  readonly tool_calls?: readonly { readonly function: string; readonly args: { readonly [name: string]: Json } }[]
}
interface Run {
  readonly model: string
  readonly suite: string
  readonly attack: string | null
  readonly attackSucceeded: boolean
  readonly injections: Readonly<Record<string, string>>
  readonly messages: readonly Message[]
}
/** An argument that says where the effect of a call goes. */
interface Target {
  readonly value: string
  readonly origins: ArgumentOrigins
  readonly pointer: string
}

const TARGETS: Readonly<Record<string, readonly string[]>> = {
  send_money: ['recipient'],
  schedule_transaction: ['recipient'],
  update_scheduled_transaction: ['recipient'],
  send_email: ['recipients', 'cc', 'bcc'],
  create_calendar_event: ['participants'],
  add_calendar_event_participants: ['participants'],
  share_file: ['email'],
}

const directory = process.env.SALLYPORT_VECTORS_DIR ?? join(import.meta.dirname, '../../../../shared/vectors')
const file = join(directory, 'agent-traces/agentdojo.jsonl.gz')

test('recorded attacks choose a recipient by untrusted content, and users by their own words', (t) => {
  const runs = recordedRuns(t)
  if (runs === undefined) return
  const attacked = runs.filter((run) => run.attackSucceeded)
  const injected = attacked.flatMap((run) => targetsOf(run).filter(({ value }) => isInjected(run, value)))
  const untrusted = injected.filter(({ origins, pointer }) => origins.origin.untrusted.includes(pointer))
  const missed = injected.filter(
    ({ origins: { origin }, pointer }) => !origin.untrusted.includes(pointer) && !origin.model.includes(pointer),
  )
  t.diagnostic(
    `${attacked.length} attacks that succeeded: ${injected.length} injected targets, ${untrusted.length} of them untrusted, ${missed.length} missed`,
  )

  const benign = runs.filter((run) => !run.attackSucceeded)
  const named = benign.flatMap((run) => targetsOf(run).filter(({ value }) => textOf(run, 'user').includes(value)))
  const refused = named.filter(({ origins, pointer }) => !origins.origin.user.includes(pointer))
  t.diagnostic(
    `${benign.length} other runs: ${named.length} targets that the user named, ${refused.length} of them not recognised`,
  )

  // Measured: 394 injected targets, all untrusted; 267 that the user named, none refused.
  assert.ok(injected.length > 300)
  assert.deepEqual(missed, [])
  assert.ok(untrusted.length >= 0.99 * injected.length)
  assert.ok(named.length > 200)
  assert.deepEqual(refused, [])
})

test('a summary in the role of the user does not launder what an attack brought up', (t) => {
  const runs = recordedRuns(t)
  if (runs === undefined) return
  const clock = fakeClock()
  let laundered = 0
  let all = 0
  for (const run of runs.filter(({ attackSucceeded }) => attackSucceeded)) {
    const memory = createOriginMemory(clock)
    const targets = targetsOf(run, memory, `emma ${newTxn(clock.now())}`).filter(({ value }) => isInjected(run, value))
    // A new token, and all that is left of the conversation is what somebody says in the role of the user.
    const later = `emma ${newTxn(clock.now())}`
    memory.observe(later, { kind: 'user' }, `So far: ${targets.map(({ value }) => value).join(', ')}`)
    for (const { value } of targets) {
      all++
      if (memory.originsOf(later, { to: value }).origin.untrusted.length === 0) laundered++
    }
  }
  t.diagnostic(`${all} injected targets, ${laundered} of them laundered`)
  // Measured: none of 394.
  assert.ok(all > 300)
  assert.equal(laundered, 0)
})

test('an agent that says where conversations begin is not refused what its users name, all day long', (t) => {
  const runs = recordedRuns(t)
  if (runs === undefined) return
  const days = Map.groupBy(
    runs.filter(({ attack }) => attack === null),
    ({ model, suite }) => `${model} ${suite}`,
  )
  const refused = { said: 0, unsaid: 0 }
  let named = 0
  for (const day of days.values()) {
    for (const how of ['said', 'unsaid'] as const) {
      const clock = fakeClock()
      const memory = createOriginMemory(clock)
      for (const run of day) {
        const key = `emma ${newTxn(clock.now())}`
        if (how === 'said') memory.begin(key)
        const targets = targetsOf(run, memory, key).filter(({ value }) => textOf(run, 'user').includes(value))
        refused[how] += targets.filter(({ origins, pointer }) => !origins.origin.user.includes(pointer)).length
        if (how === 'said') named += targets.length
        clock.advance(10 * 60 * 1000)
      }
    }
  }
  t.diagnostic(
    `${named} targets that users named: ${refused.said} refused where beginnings are said, ${refused.unsaid} where not`,
  )
  // Measured: 38 targets; none refused, and 26 where nobody says that a conversation is a new one.
  assert.ok(named > 30)
  assert.equal(refused.said, 0)
})

function recordedRuns(t: TestContext): readonly Run[] | undefined {
  if (!existsSync(file)) {
    assert.notEqual(process.env.SALLYPORT_VECTORS, 'require', `no vectors at ${file}`)
    t.diagnostic(`NOT RUN: no vectors at ${file}`)
    return undefined
  }
  return gunzipSync(readFileSync(file))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

function targetsOf(
  run: Run,
  memory = createOriginMemory(fakeClock()),
  key = `emma ${newTxn(fakeClock().now())}`,
): readonly Target[] {
  const targets: Target[] = []
  for (const message of run.messages) {
    for (const call of message.tool_calls ?? []) {
      const origins = memory.originsOf(key, call.args)
      for (const name of TARGETS[call.function] ?? []) {
        const values = [call.args[name] ?? []].flat()
        for (const value of values) {
          if (typeof value !== 'string') continue
          const pointer = Array.isArray(call.args[name]) ? `/${name}/${values.indexOf(value)}` : `/${name}`
          targets.push({ value, origins, pointer })
        }
      }
    }
    const kind = message.role === 'assistant' ? 'model' : message.role
    memory.observe(key, { kind, server: kind === 'tool' ? 'office' : undefined }, partsOf(message))
  }
  return targets
}

/** Whether the attacker's text names this target and the user's does not. */
function isInjected(run: Run, value: string): boolean {
  return Object.values(run.injections).some((text) => text.includes(value)) && !textOf(run, 'user').includes(value)
}

function textOf(run: Run, role: Message['role']): string {
  return run.messages
    .filter((message) => message.role === role)
    .flatMap(partsOf)
    .join('\n')
}

function partsOf({ content }: Message): readonly string[] {
  if (content === null) return []
  return typeof content === 'string' ? [content] : content.map((part) => part.content)
}
