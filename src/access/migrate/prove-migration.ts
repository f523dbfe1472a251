import { manifestError } from '../../identity/index.ts'
import { parseCases } from '../trial/case-file.ts'
import { type DiffGroup, type DiffOptions, type DiffPart, type DiffProgress, diffTrials } from '../trial/diff.ts'
import { generatedRequests } from '../trial/generated-requests.ts'
import { type CaseResult, openTrial, type Trial } from '../trial/trial.ts'
import type { FolderTexts, MigrationDraft } from './draft-migration.ts'
import type { Announced, MigrationPlan } from './plan.ts'
import { entityText } from './requests-after.ts'

/** What a migration changes beside names. */
export interface MigrationProof {
  /** How many test cases were run before and after. */
  readonly cases: number
  readonly changes: readonly MigrationChange[]
  readonly asked: readonly DiffPart[]
  /** Lines of the plan that announce something that does not change. */
  readonly needless: readonly string[]
}

export type MigrationChange = { readonly isAnnounced: boolean } & (
  | {
      readonly kind: 'case'
      readonly at: string
      readonly name: string
      readonly before: string
      readonly after: string
    }
  | ({ readonly kind: 'decisions' } & DiffGroup)
)

/**
 * Decides everything before and after: the test cases, the requests over all entities, and requests that are made up.
 * `after` is the folder as it would be, read anew. Throws `manifest_invalid` where what was written does not say, in new
 * names, what stood there before.
 */
export function* proveMigration(
  plan: MigrationPlan,
  draft: MigrationDraft,
  folder: FolderTexts,
  after: FolderTexts,
  options: Omit<DiffOptions, 'rename'> = {},
): Generator<DiffProgress, MigrationProof> {
  checkSame(draft, folder, after)
  const trial = openTrial(after.world)
  const used = new Set<Announced>()
  const changes: MigrationChange[] = []
  const casesBefore = folder.tests.flatMap(parseCases)
  const casesAfter = after.tests.flatMap(parseCases)
  casesBefore.forEach((one, index) => {
    const other = casesAfter[index]
    if (other === undefined) return
    const [was, is] = [draft.before.run(one), trial.run(other)]
    const [before, now] = [outcomeOf(was, draft.after.names.policyIds), outcomeOf(is, (id) => [id])]
    if (before === now) return
    const announced = plan.announced.find((entry) => 'case' in entry && entry.case === one.name)
    if (announced !== undefined) used.add(announced)
    const isAnnounced = announced !== undefined
    changes.push({ kind: 'case', at: one.at, name: one.name, before, after: now, isAnnounced })
  })
  const diff = yield* diffTrials(draft.before, trial, { ...options, rename: draft.after.request })
  for (const group of diff.groups) {
    const announced = plan.announced.filter((entry) => isAbout(entry, group))
    for (const entry of announced) used.add(entry)
    changes.push({ kind: 'decisions', ...group, isAnnounced: announced.length > 0 })
  }
  checkLimits(draft, trial)
  return {
    cases: casesBefore.length,
    changes,
    asked: diff.parts,
    needless: plan.announced.flatMap((entry, index) =>
      used.has(entry) ? [] : [`${plan.where(['announce', index])}: nothing of this changes`],
    ),
  }
}

/** What was read again must be what was read before, in new names. */
function checkSame({ after: names }: MigrationDraft, folder: FolderTexts, after: FolderTexts): void {
  const problems: string[] = []
  const before = folder.world.entities.map((entity) => entityText(names.names.entity(entity)))
  const now = new Set(after.world.entities.map(entityText))
  // A role that is split is one entity before and several afterwards.
  const missing = before.filter((text) => !now.has(text) && !text.startsWith('["Role::'))
  problems.push(...missing.slice(0, 5).map((text) => `${nameIn(text)} cannot be rewritten as the plan says`))
  const grants = (world: FolderTexts['world']): string => JSON.stringify(world.roles.grants.map(grantText).sort())
  const roles = { ...folder.world, roles: names.names.roles(folder.world.roles) }
  if (grants(roles) !== grants(after.world)) problems.push('who has which role would not stay as it is')
  const casesAfter = after.tests.flatMap(parseCases)
  folder.tests.flatMap(parseCases).forEach((one, index) => {
    const other = casesAfter[index]
    if (other === undefined || textOf(names.case(one)) !== textOf(other)) {
      problems.push(
        `${one.at}: the case \`${one.name}\` cannot be rewritten in place: say in it what it takes from elsewhere`,
      )
    }
  })
  if (problems.length > 0) throw manifestError(problems)
}

function grantText(grant: FolderTexts['world']['roles']['grants'][number]): string {
  return JSON.stringify([grant.role, grant.assignee, grant.on ?? null, grant.until ?? null])
}

function nameIn(text: string): string {
  const [name] = JSON.parse(text) as readonly [string] // made by entityText
  return `\`${name}\``
}

/** Without the name and its place, which may speak of what was renamed. */
function textOf({ name: _, at: __, ...policyCase }: ReturnType<typeof parseCases>[number]): string {
  return JSON.stringify({ ...policyCase, entities: policyCase.entities.map(entityText) }, (___, value: unknown) =>
    value instanceof Map
      ? [...value].sort(([a], [b]) => (a < b ? -1 : 1))
      : typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
  )
}

function outcomeOf({ decision, problems, limits }: CaseResult, renamed: (id: string) => readonly string[]): string {
  if (decision === undefined) return problems.join('; ')
  const reasons = [...new Set(decision.reasons.flatMap(({ policy }) => renamed(policy)))].sort()
  const because = reasons.length === 0 ? '' : ` because of ${reasons.map((id) => `\`${id}\``).join(', ')}`
  const helps = (decision.advice ?? []).map(({ kind }) => kind).sort()
  const advice = helps.length === 0 ? '' : `, advice ${helps.join(', ')}`
  const counted =
    limits.size === 0
      ? ''
      : `, limited by ${[...limits.keys()]
          .sort()
          .map((id) => `\`${id}\``)
          .join(', ')}`
  return `${decision.decision}${because}${advice}${counted}`
}

/** What an entry leaves out, it says nothing about. */
function isAbout(entry: Announced, { effect, action, principals, resourceType }: DiffGroup): boolean {
  if (!('effect' in entry) || entry.effect !== effect) return false
  return (
    (entry.action === undefined || entry.action === action) &&
    (entry.principal === undefined || entry.principal === principals) &&
    (entry.resource === undefined || entry.resource === resourceType)
  )
}

const LIMITED_REQUESTS = 2000

/** The statements that count a request count it afterwards too. */
function checkLimits({ before, after }: MigrationDraft, trial: Trial): void {
  if (before.known.set.limits === undefined) return
  const requests = generatedRequests(before, before, { count: LIMITED_REQUESTS, seed: 1 })
  for (let at = 0; at < requests.total; at++) {
    const request = requests.at(at)
    const [was, is] = [before.limitsOf(request), trial.limitsOf(after.request(request))]
    if (was.join(' ') === is.join(' ')) continue
    const said = (ids: readonly string[]): string =>
      ids.length === 0 ? 'nothing' : ids.map((id) => `\`${id}\``).join(', ')
    throw manifestError([
      `${request.action} on ${request.resource.type} is limited by ${said(was)} before, and by ${said(is)} afterwards`,
    ])
  }
}
