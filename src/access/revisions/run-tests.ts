import { setImmediate } from 'node:timers/promises'
import { errorText, parseTenantId } from '../../kernel/index.ts'
import { type Foundation, foundationFiles } from '../foundation.ts'
import type { PolicyFile } from '../layers.ts'
import { policySetSteps } from '../policy-set.ts'
import { policyValidation } from '../policy-validation.ts'
import { byAssignee, changeRolesSteps } from '../roles.ts'
import { type PolicyCase, parseCases } from '../trial/case-file.ts'
import { openTrialOver, type Trial } from '../trial/trial.ts'
import { unhurried } from '../unhurried.ts'
import type { TestFile } from './address.ts'
import { settingOf } from './setting.ts'

export interface TestRun {
  readonly cases: number
  readonly failed: number
  /** The first case that failed, where it stands, and why. */
  readonly first: string | undefined
}

/** Milliseconds of cases before others get their turn. */
const TURN = 8
/** Of all suites together: they take turns with everything else that this process does. */
const MOST_CASES = 20_000

/**
 * Runs the cases of each suite under these policies, each suite in its own setting. What cannot be read counts as a case
 * that failed. The result depends on nothing else: neither on who has which role now, nor on the time.
 */
export async function runTests(
  files: readonly PolicyFile[],
  suites: readonly (readonly TestFile[])[],
  { foundation, tenant }: { readonly foundation: Foundation; readonly tenant: string },
): Promise<TestRun> {
  const set = await unhurried(policySetSteps(foundation.schema, [...foundationFiles(foundation), ...files]))
  let run: TestRun = { cases: 0, failed: 0, first: undefined }
  const add = (problem: string | undefined): void => {
    const { cases, failed, first } = run
    run = { cases: cases + 1, failed: problem === undefined ? failed : failed + 1, first: first ?? problem }
  }
  for (const suite of suites) {
    const opened = await openSuite(suite, { foundation, files, tenant, set }).catch(errorText)
    if (typeof opened === 'string') {
      add(opened)
      continue
    }
    let since = performance.now()
    for (const one of opened.cases) {
      if (run.cases >= MOST_CASES) return { ...run, failed: run.failed + 1, first: `more than ${MOST_CASES} cases` }
      const { passed, at, name, problems } = opened.trial.run(one)
      add(passed ? undefined : `${at}: ${name}: ${problems[0] ?? ''}`)
      if (performance.now() - since < TURN) continue
      await setImmediate()
      since = performance.now()
    }
  }
  return run
}

interface Opened {
  readonly cases: readonly PolicyCase[]
  readonly trial: Trial
}

async function openSuite(
  suite: readonly TestFile[],
  {
    foundation,
    files,
    tenant,
    set,
  }: {
    readonly foundation: Foundation
    readonly files: readonly PolicyFile[]
    readonly tenant: string
    readonly set: Parameters<typeof openTrialOver>[1]
  },
): Promise<Opened> {
  const cases = suite.filter(({ as }) => as === 'tests').flatMap(parseCases)
  const { roles, entities, hours } = settingOf(suite.find(({ as }) => as === 'setting'))
  const changes = [...byAssignee(roles.grants).values()]
  const making = { tenant, declared: roles.declared, validation: policyValidation(set.schema.text) }
  const withRoles = await unhurried(changeRolesSteps(set, changes, making))
  const id = parseTenantId(tenant)
  if (id === undefined) throw new TypeError(`\`${tenant}\` is no tenant`)
  return { cases, trial: openTrialOver({ tenant: id, foundation, policies: files, roles, entities, hours }, withRoles) }
}
