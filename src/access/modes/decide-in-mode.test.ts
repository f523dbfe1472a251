import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Access } from '../access.ts'
import type { Layer } from '../layers.ts'
import {
  type Asked,
  concerns,
  contextOf,
  type House,
  house,
  opened,
  PARENTS,
  questionOf,
  questions,
  reference,
} from '../test-layers.ts'
import { mayGoOn } from '../withheld.ts'
import { layerTarget, type Mode, modeTargetText, parseModeTarget } from './mode-target.ts'
import { observedBy } from './modes-in-force.ts'
import { modesAfter, wouldGoOn } from './switch-preview.ts'

const LAYERS: readonly Layer[] = [
  { kind: 'project', id: 'p' },
  { kind: 'project', id: 'q' },
  { kind: 'agent', type: 'AgentType', id: 'helper' },
  { kind: 'agent', type: 'Agent', id: 'stray' },
]
const PLACES = ['tenant', 'project:p', 'project:q', 'route:decision-point', 'route:models', 'upstream:one']
const TARGETS = [...PLACES, ...LAYERS.map((layer) => layerTarget(layer) ?? '')]

type Modes = ReadonlyMap<string, Mode>

const modes: fc.Arbitrary<Modes> = fc
  .array(fc.tuple(fc.constantFrom(...TARGETS), fc.constantFrom<Mode>('observe', 'observe', 'enforce')), {
    maxLength: 5,
  })
  .map((list) => new Map(list))

function decided(access: Access, asked: Asked) {
  return access.decide(contextOf(asked), questionOf(asked))
}

/** Whether a request goes on, as plainly as it can be said. */
function goesOn(files: House, set: Modes, asked: Asked): boolean {
  if (reference(files, asked) === 'allow') return true
  if (isHard(files, asked)) return false
  const projects = (PARENTS[asked.resource] ?? []).slice(1).map((id) => `project:${id}`)
  // What is about neither models nor tools is asked at the decision point.
  const nearer = [...projects, 'route:decision-point']
  const isPlace =
    nearer.every((target) => set.get(target) !== 'enforce') &&
    ['tenant', ...nearer].some((target) => set.get(target) === 'observe')
  if (isPlace) return true
  const softened = files.flatMap((file) => {
    if (set.get(layerTarget(file.layer) ?? '') !== 'observe') return [file]
    if (file.as === 'ceiling') return []
    return [{ ...file, statements: file.statements.filter((one) => one.effect === 'permit' || one.always === true) }]
  })
  return reference(softened, asked) === 'allow'
}

function isHard(files: House, asked: Asked): boolean {
  const only = files.map((file) => ({ ...file, as: 'grants' as const, statements: file.statements }))
  const always = only.map((file) => ({
    ...file,
    statements: file.statements.filter((one) => one.effect === 'forbid' && one.always === true),
  }))
  const open = { layer: { kind: 'tenant' }, as: 'grants', statements: [PERMIT] } as const
  // With everything permitted, what is left refuses whatever the policies are.
  return reference([...always, open], asked) === 'deny'
}

const PERMIT = { effect: 'permit', who: undefined, action: undefined, what: undefined, fails: false } as const

test('what goes on is what is allowed, and in observe what nothing refuses always', async () => {
  let observed = 0
  await fc.assert(
    fc.asyncProperty(house, modes, questions, async (files, set, list) => {
      const access = await opened(files)
      access.setModes(set)
      for (const asked of list) {
        const decision = decided(access, asked)
        if (decision.observed !== undefined) observed++
        assert.equal(mayGoOn(decision), goesOn(files, set, asked), JSON.stringify({ asked, set: [...set] }))
      }
    }),
    { numRuns: 200 },
  )
  assert.ok(observed > 50, `only ${observed} denials were observed`)
})

test('what is decided does not depend on modes', async () => {
  await fc.assert(
    fc.asyncProperty(house, modes, questions, async (files, set, list) => {
      const [enforcing, observing] = [await opened(files), await opened(files)]
      observing.setModes(set)
      for (const asked of list) {
        const { decision, reasons, errors, facts } = decided(enforcing, asked)
        const other = decided(observing, asked)
        assert.deepEqual(
          { decision: other.decision, reasons: other.reasons, errors: other.errors, facts: other.facts },
          { decision, reasons, errors, facts },
        )
        // INVARIANT: observe never refuses what enforce allows, and an allow is never called observed.
        if (decision === 'allow') assert.equal(other.observed, undefined)
      }
    }),
    { numRuns: 100 },
  )
})

test('setting anything to enforce never lets more through', async () => {
  await fc.assert(
    fc.asyncProperty(house, modes, fc.constantFrom(...TARGETS), questions, async (files, set, target, list) => {
      const access = await opened(files)
      for (const asked of list) {
        access.setModes(set)
        const before = mayGoOn(decided(access, asked))
        access.setModes(new Map(set).set(target, 'enforce'))
        if (!before) assert.equal(mayGoOn(decided(access, asked)), false)
      }
    }),
    { numRuns: 100 },
  )
})

test('a layer in observe changes nothing for requests that it has no say in', async () => {
  await fc.assert(
    fc.asyncProperty(house, fc.constantFrom(...LAYERS), questions, async (files, layer, list) => {
      const access = await opened(files)
      for (const asked of list) {
        if (asked.chain.some((principal) => concerns(layer, principal, asked.resource))) continue
        access.setModes(new Map())
        const before = decided(access, asked)
        access.setModes(new Map([[layerTarget(layer) ?? '', 'observe']]))
        assert.deepEqual(decided(access, asked), before)
      }
    }),
    { numRuns: 100 },
  )
})

test('each layer that an observed denial names would refuse it alone, and no others would', async () => {
  await fc.assert(
    fc.asyncProperty(house, fc.subarray([...LAYERS]), questions, async (files, layers, list) => {
      const access = await opened(files)
      const all = new Map(layers.map((layer) => [layerTarget(layer) ?? '', 'observe' as const]))
      for (const asked of list) {
        access.setModes(all)
        const { observed } = decided(access, asked)
        if (observed === undefined) continue
        for (const target of all.keys()) {
          access.setModes(new Map([...all].filter(([one]) => one !== target)))
          assert.equal(
            mayGoOn(decided(access, asked)),
            !observed.by.includes(target),
            JSON.stringify({ asked, target }),
          )
        }
      }
    }),
    { numRuns: 150 },
  )
})

test('what a preview says would start to fail is what is refused after the switch', async () => {
  let failing = 0
  const closing = fc.constantFrom<Mode | undefined>('enforce', undefined)
  await fc.assert(
    fc.asyncProperty(house, modes, fc.constantFrom(...TARGETS), closing, questions, async (...given) => {
      const [files, set, text, mode, list] = given
      const access = await opened(files)
      const target = parseModeTarget(text)
      assert.ok(target !== undefined)
      const after = modesAfter(set, target, mode)
      for (const asked of list) {
        access.setModes(set)
        const { observed } = decided(access, asked)
        if (observed === undefined) continue
        access.setModes(after)
        const goes = mayGoOn(decided(access, asked))
        if (!goes) failing++
        assert.equal(wouldGoOn(observed, after), goes, JSON.stringify({ asked, set: [...set], text, mode, observed }))
      }
    }),
    { numRuns: 300 },
  )
  assert.ok(failing > 20, `only ${failing} would have failed`)
})

test('what goes on could go on, whatever the modes', async () => {
  await fc.assert(
    fc.asyncProperty(house, modes, questions, async (files, set, list) => {
      const access = await opened(files)
      access.setModes(set)
      for (const asked of list) {
        if (mayGoOn(decided(access, asked))) assert.ok(access.couldAllow(contextOf(asked), questionOf(asked)))
      }
    }),
    { numRuns: 60 },
  )
})

test('a resource in two projects is observed for their sake only where both are', () => {
  const both = { projects: ['project:a', 'project:b'], routes: ['route:tools'] }
  assert.deepEqual(observedBy(both, new Map([['project:a', 'observe']])), [])
  assert.deepEqual(
    observedBy(
      both,
      new Map([
        ['project:a', 'observe'],
        ['project:b', 'observe'],
      ]),
    ),
    ['project:a', 'project:b'],
  )
})

test('what is nearer than the tenant goes before it, and an enforce before every observe', () => {
  const at = { projects: ['project:a'], routes: ['route:tools', 'upstream:office'] }
  const by = (...set: readonly (readonly [string, Mode])[]) => observedBy(at, new Map(set))
  assert.deepEqual(by(['tenant', 'observe']), ['tenant'])
  assert.deepEqual(by(['tenant', 'observe'], ['upstream:office', 'enforce']), [])
  assert.deepEqual(by(['tenant', 'enforce'], ['upstream:office', 'observe']), ['upstream:office'])
  assert.deepEqual(by(['upstream:office', 'observe'], ['route:tools', 'enforce']), [])
  assert.deepEqual(by(['upstream:mail', 'observe']), [])
})

test('a target is written in one way, and what is none is not read', () => {
  for (const text of ['tenant', 'project:a:b', 'route:decision-point', 'upstream:office', 'layer:agent-type:x:y']) {
    const target = parseModeTarget(text)
    assert.equal(target === undefined ? undefined : modeTargetText(target), text)
  }
  for (const text of ['', 'Tenant', 'tenant:', 'project:', 'route:doors', 'layer:tenant:x', 'layer:agent:', 'x:y']) {
    assert.equal(parseModeTarget(text), undefined, text)
  }
})
