import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Fleet, FOLDER, fleetFiles, openFleet } from '../../examples/fleet/fleet.ts'
import type { Played } from '../../examples/fleet/play.ts'
import { FIRST_DAY } from '../../examples/fleet/requests.ts'
import {
  type Access,
  checkPolicies,
  openAccess,
  type PolicyFile,
  type Question,
  type RecordedDecision,
  recordedDecisions,
  type Suggestion,
} from '../../src/access/index.ts'
import type { Context, Json } from '../../src/kernel/index.ts'
import { readFoundation, readPolicyFolder } from '../../src/server/index.ts'

const DAY = 86_400_000
/** The first four days are learnt from; the agent that was taken over is among them. */
const UNTIL = FIRST_DAY + 4 * DAY

let fleet: Fleet
let played: Played
let learning: readonly RecordedDecision[]
let later: readonly RecordedDecision[]
let suggestion: Suggestion
let enforcing: (more: readonly string[]) => Promise<Access>

before(async () => {
  fleet = await openFleet({ policies: 'open' })
  // Nothing is granted but what roles grant, and nothing is refused: the first days of a company that observes.
  const { manifests, files } = fleetFiles(fleet.company, 'open')
  const observing = manifests.map(({ name, text }) => ({ name, text: text.replace('open.cedar, ', '') }))
  await fleet.tenant.apply(observing, files)
  await fleet.tenant.modes.set({ kind: 'tenant' }, 'observe', 'ada')
  played = await fleet.play({ decisions: 8000 })
  const all = decisionsOf(fleet)
  learning = all.filter(({ at }) => at < UNTIL)
  later = all.filter(({ at }) => at >= UNTIL)
  suggestion = await fleet.tenant.access.suggest(learning, { since: FIRST_DAY, until: UNTIL })
  const { world } = await readPolicyFolder(FOLDER, fleet.tenant.id)
  const roles: PolicyFile = { name: 'roles.cedar', text: readFileSync(join(FOLDER, 'policies/roles.cedar'), 'utf8') }
  enforcing = async (texts) => {
    const access = openAccess(readFoundation(), fleet.tenant.id)
    access.putEntities('world', world.entities)
    access.setHours(world.hours)
    await access.setPolicies([roles, ...texts.map((text, n): PolicyFile => ({ name: `suggested-${n}.cedar`, text }))])
    access.setRoles(world.roles)
    return access
  }
})
after(() => fleet?.close())

test('what was observed is most of it learnt, in few statements that grant little beyond it', () => {
  const { statements, requests, excess, learnt } = suggestion
  assert.ok(learnt > 2500, String(learnt))
  assert.ok(statements.length * 20 < requests, `${statements.length} statements for ${requests} requests`)
  assert.ok(excess.share < 0.005, `${excess.share} of what was never seen is granted`)
})

test('the policy checks without errors and warnings', () => {
  const roles = { name: 'roles.cedar', text: readFileSync(join(FOLDER, 'policies/roles.cedar'), 'utf8') }
  assert.deepEqual(checkPolicies(readFoundation(), [roles, { name: 'suggested.cedar', text: suggestion.text }]), [])
})

test('nothing that was learnt is denied, but for what was left out for somebody to look at', async () => {
  const strict = await enforcing([suggestion.text])
  const leftOut = suggestion.leftOut.map(({ policy }) => policy).join('\n')
  const everything = await enforcing([suggestion.text, leftOut])
  let denied = 0
  for (const recorded of learning) {
    if (!isTeaching(recorded)) continue
    if (isAllowed(strict, recorded)) continue
    denied++
    assert.ok(isAllowed(everything, recorded), `record ${recorded.index}: ${recorded.action} is denied`)
  }
  assert.ok(denied > 0)
})

test('with all that was left out accepted, nothing that was learnt is denied', async () => {
  const accept = [...new Set(suggestion.leftOut.flatMap(({ caution }) => (caution === undefined ? [] : [caution])))]
  const bold = await fleet.tenant.access.suggest(learning, { since: FIRST_DAY, until: UNTIL, accept })
  assert.deepEqual(bold.leftOut, [])
  const access = await enforcing([bold.text])
  const denied = learning.filter((recorded) => isTeaching(recorded) && !isAllowed(access, recorded))
  assert.deepEqual(
    denied.map(({ index }) => index),
    [],
  )
})

test('the agent that was taken over is noticed, and nothing of what it did is granted', async () => {
  const strict = await enforcing([suggestion.text])
  const misuse = new Set(played.misuse)
  const done = learning.filter(({ index, chain }) => misuse.has(index) && chain.some(isCompromised))
  assert.ok(done.length > 40)
  assert.deepEqual(
    done.filter((recorded) => isAllowed(strict, recorded)).map(({ index }) => index),
    [],
  )
  const flagged = suggestion.leftOut.filter(({ evidence }) =>
    evidence.principals.some(({ id }) => id === compromised()),
  )
  assert.deepEqual([...new Set(flagged.map(({ caution }) => caution))].sort(), ['alone', 'burst', 'untrusted'])
})

test('of what came later, little is denied that was not left out before', async () => {
  const leftOut = suggestion.leftOut.map(({ policy }) => policy).join('\n')
  const access = await enforcing([suggestion.text, leftOut])
  const teaching = later.filter(isTeaching)
  const denied = teaching.filter((recorded) => !isAllowed(access, recorded))
  assert.ok(teaching.length > 500)
  assert.ok(denied.length / teaching.length < 0.08, `${denied.length} of ${teaching.length}`)
})

test('roles that nobody used are told of', () => {
  const unused = suggestion.takeAway.filter(({ kind }) => kind === 'role')
  assert.ok(unused.some((one) => one.kind === 'role' && one.role === 'tenant-admin' && one.assignee.id === 'ada'))
  assert.ok(!unused.some((one) => one.kind === 'role' && one.role === 'inference-client'))
})

function compromised(): string {
  return fleet.company.compromised.id
}

function isCompromised({ id }: { readonly id: string }): boolean {
  return id === compromised()
}

function decisionsOf({ tenant }: Fleet): readonly RecordedDecision[] {
  const scan = tenant.log.scan({ kinds: ['decision'] })
  const found: RecordedDecision[] = []
  for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
    for (const record of batch) {
      const decisions = recordedDecisions(record)
      assert.ok(!('why' in decisions))
      found.push(...decisions)
    }
  }
  scan.close()
  return found
}

/** Something that a grant could allow, and that was done. */
function isTeaching({ decision, reasons }: RecordedDecision): boolean {
  return decision === 'allow' || (decision === 'observed-deny' && reasons.length === 0)
}

/** Decided anew, on what is on record. */
function isAllowed(access: Access, recorded: RecordedDecision): boolean {
  return access.decide(contextOf(recorded), questionOf(recorded)).decision === 'allow'
}

function contextOf({ at, chain, mandate, authentication, context }: RecordedDecision): Context {
  const network = objectIn(context.network)
  const address = objectIn(objectIn(network?.address)?.__extn)?.arg
  const asserted = objectIn(context.authentication)
  const age = typeof asserted?.age === 'number' ? asserted.age : 0
  const mfaAge = asserted?.mfaAge
  return {
    tenant: fleet.tenant.id,
    txn: fleet.tenant.id as never,
    trace: '0'.repeat(32),
    clock: { now: () => at },
    ...(typeof address === 'string' ? { address } : {}),
    caller: {
      chain,
      delegation: undefined,
      authentication: authentication ?? {
        method: 'asserted',
        at: at - age * 1000,
        ...(typeof mfaAge === 'number' ? { mfaAt: at - mfaAge * 1000 } : {}),
      },
      scope: Array.isArray(context.scope) ? new Set(context.scope.map(String)) : undefined,
      credential: 'test',
      expiresAt: at + 1000,
      ...(mandate === undefined ? {} : { mandate }),
    },
  }
}

function questionOf({ action, resource, context, arguments: texts = {} }: RecordedDecision): Question {
  const { arguments: _, origin, destination, parameters } = context
  const facts = {
    ...(destination === undefined ? {} : { destination }),
    ...(parameters === undefined ? {} : { parameters }),
  }
  // As it was written: sets of pointers.
  const sources = objectIn(origin) as
    | Record<'user' | 'system' | 'trusted' | 'untrusted' | 'model', string[]>
    | undefined
  return {
    action,
    resource,
    facts,
    ...(sources === undefined ? {} : { call: { arguments: texts, origin: sources } }),
  }
}

function objectIn(value: Json | undefined): { readonly [name: string]: Json } | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [name: string]: Json }) // no list, and not null
    : undefined
}
