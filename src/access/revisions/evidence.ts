import { type Clock, type PrincipalRef, SallyportError } from '../../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import type { Access } from '../access.ts'
import { AccessError } from '../errors.ts'
import type { Foundation } from '../foundation.ts'
import type { TestFile } from './address.ts'
import type { Evidence, Layers, Revision } from './revision.ts'
import { filesOf } from './revision-rows.ts'
import { runTests, type TestRun } from './run-tests.ts'

export interface Examination {
  readonly tenant: string
  readonly store: TenantStore
  readonly clock: Clock
  readonly foundation: Foundation
  readonly access: Pick<Access, 'prepare'>
  attach(address: string, evidence: Evidence): Promise<void>
}

/** Of one revision; the oldest go. */
const MOST_EVIDENCE = 100

/**
 * Finds out whether revisions could be active together: whether all that would decide fits, and whether tests pass.
 * The tests are those of the revisions themselves, and of the tenant's layer, which stands above the others. What was
 * found out before about the same policies is not looked at again. Throws `policies_invalid`, `tests_failed`; either way
 * the revisions have evidence of it.
 */
export async function examine(layers: Layers, by: readonly PrincipalRef[], deps: Examination): Promise<void> {
  const said = (kind: string, whole: string) => ({ kind, whole, at: deps.clock.now(), by: by.at(-1)?.id ?? '' })
  const attach = async (evidence: Evidence): Promise<void> => {
    for (const { address } of layers.changed) await deps.attach(address, evidence)
  }
  const whole = await deps.access.prepare(layers.files).then(
    ({ revision }) => revision,
    async (error: unknown) => {
      if (!(error instanceof SallyportError)) throw error
      const counts = { files: layers.files.length }
      await attach({ ...said('check', ''), result: 'failed', counts, detail: error.publicMessage })
      throw error
    },
  )
  if (!hasPassed(layers, 'check', whole)) {
    await attach({ ...said('check', whole), result: 'passed', counts: { files: layers.files.length } })
  }
  const suites = await suitesOf(layers, deps.store)
  if (suites.length === 0 || hasPassed(layers, 'test', whole)) return
  const run = await runTests(layers.files, suites, deps)
  const { cases, failed, first } = run
  const result = failed === 0 ? 'passed' : 'failed'
  await attach({
    ...said('test', whole),
    result,
    counts: { cases, failed },
    ...(first === undefined ? {} : { detail: first }),
  })
  if (failed > 0) throw testsFailed(run)
}

/** Throws `evidence_missing` where something that the tenant demands before a revision comes in force was not found. */
export function checkEvidence(layers: WithEvidence, whole: string, required: readonly string[]): void {
  for (const kind of required) {
    if (hasPassed(layers, kind, whole)) continue
    const found = layers.changed.flatMap(({ evidence }) => evidence).findLast((one) => one.kind === kind)
    const why =
      found === undefined ? 'there is none' : found.result === 'failed' ? 'it failed' : 'it was of other policies'
    throw new AccessError(
      'evidence_missing',
      `the tenant demands a passed \`${kind}\` before policies come in force: ${why}`,
    )
  }
}

export async function addEvidence(q: Queries<TenantTables>, address: string, evidence: Evidence): Promise<void> {
  const { counts, digest = null, detail = null, ...rest } = evidence
  const row = {
    ...rest,
    revision: address,
    counts: JSON.stringify(counts),
    digest,
    detail: detail?.slice(0, 1000) ?? null,
  }
  const last = await q
    .selectFrom('policy_evidence')
    .select((one) => one.fn.max('id').as('id'))
    .executeTakeFirst()
  await q
    .insertInto('policy_evidence')
    .values({ id: (last?.id ?? 0) + 1, ...row })
    .execute()
  const kept = await q
    .selectFrom('policy_evidence')
    .select('id')
    .where('revision', '=', address)
    .orderBy('id', 'desc')
    .limit(MOST_EVIDENCE)
    .execute()
  await q
    .deleteFrom('policy_evidence')
    .where('revision', '=', address)
    .where('id', '<', kept.at(-1)?.id ?? 0)
    .execute()
}

interface WithEvidence {
  readonly changed: readonly Pick<Revision, 'evidence'>[]
}

/** The last word on each of them, if it was about these policies. */
function hasPassed({ changed }: WithEvidence, kind: string, whole: string): boolean {
  return changed.every(({ evidence }) => {
    const last = evidence.findLast((one) => one.kind === kind)
    return last?.result === 'passed' && last.whole === whole
  })
}

/** The tests of each revision that has some. */
async function suitesOf({ changed, revisions }: Layers, store: TenantStore): Promise<readonly (readonly TestFile[])[]> {
  const above = revisions.get('tenant')
  const addresses = new Set([...(above === undefined ? [] : [above]), ...changed.map(({ address }) => address)])
  const suites = await store.read((q) => Promise.all([...addresses].map(async (one) => (await filesOf(q, one)).tests)))
  return suites.filter((tests) => tests.some(({ as }) => as === 'tests'))
}

function testsFailed({ cases, failed, first = '' }: TestRun): AccessError {
  return new AccessError('tests_failed', `${failed} of ${cases} test cases failed; the first of them: ${first}`)
}
