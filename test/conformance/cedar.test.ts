import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type AccessRequest, compile, Entities, type EntityJson, parseJson } from '../../src/cedar/index.ts'

// The corpus of the Cedar project: what its own implementation decided.
const folder = join(process.env.SALLYPORT_VECTORS_DIR ?? join(import.meta.dirname, '../../../shared/vectors'), 'cedar')

interface Case {
  readonly name: string
  readonly policies: string
  readonly entities: readonly EntityJson[]
  readonly schema: string
  readonly requests: readonly (AccessRequest & {
    readonly decision: 'allow' | 'deny'
    readonly reason: readonly string[]
    readonly errors: readonly string[]
  })[]
}

// The vectors have this shape; whether the engine reads them right is what is tested.
const readCase = (text: string): Case => parseJson(text) as unknown as Case

function* handwritten(): Iterable<Case> {
  yield* parseJson(readFileSync(join(folder, 'handwritten.json'), 'utf8')) as unknown as readonly Case[]
}

function* corpus(): Iterable<Case> {
  const text = gunzipSync(readFileSync(join(folder, 'corpus.jsonl.gz'))).toString('utf8')
  for (const line of text.split('\n')) if (line !== '') yield readCase(line)
}

function decideAll(cases: Iterable<Case>): { requests: number; disagreements: string[] } {
  let requests = 0
  const disagreements: string[] = []
  for (const { name, policies, entities, schema, requests: asked } of cases) {
    const engine = compile({ policies })
    const store = Entities.fromJson(entities, schema)
    for (const request of asked) {
      requests++
      const { decision, reasons, errors } = engine.decide(request, store)
      const found = { decision, reason: reasons.toSorted(), errors: errors.map(({ policy }) => policy).toSorted() }
      const expected = {
        decision: request.decision,
        reason: request.reason.toSorted(),
        errors: request.errors.toSorted(),
      }
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        disagreements.push(`${name}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`)
      }
    }
  }
  return { requests, disagreements }
}

if (existsSync(folder)) {
  describe('the Cedar project and the engine agree in decision, reasons and erroring policies', () => {
    test('on every handwritten request', () => {
      const { requests, disagreements } = decideAll(handwritten())
      assert.deepEqual(disagreements, [])
      assert.ok(requests >= 74)
    })

    test('on every request of the corpus', () => {
      const { requests, disagreements } = decideAll(corpus())
      assert.deepEqual(disagreements, [])
      assert.equal(requests, 31_656)
    })
  })
} else {
  test('the vectors of the Cedar project are there', (t) => {
    const message = `no vectors at ${folder}: the engine was NOT held to the corpus of the Cedar project`
    if (process.env.SALLYPORT_VECTORS === 'require') assert.fail(message)
    t.diagnostic(message)
    t.skip(message)
  })
}
