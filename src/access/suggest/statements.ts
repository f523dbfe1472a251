import { type ArgumentPattern, mergeSketch, newSketch, patternsOf } from './argument-sketch.ts'
import type { Grant, Subject } from './cover.ts'
import type { Landscape, LandscapeAction } from './landscape.ts'
import type { Cell } from './tally.ts'
import type { Target } from './targets.ts'

/** One statement of the policy that is suggested. */
export interface Draft {
  readonly actions: readonly LandscapeAction[]
  /** Any of these: who, on what. */
  readonly cases: readonly { readonly subject: Subject; readonly targets: readonly Target[] }[]
  /** Only with others in the chain: nothing else was seen. */
  readonly isInChain: boolean
  /** Only with arguments that do not come from untrusted content. */
  readonly isTrusted: boolean
  readonly patterns: readonly ArgumentPattern[]
  readonly cells: ReadonlySet<Cell>
}

/**
 * As few statements as say the same as these grants: one for all targets, all actions on the same targets, all projects
 * in which those of a type do the same on what belongs there, and all who do the same.
 */
export function statementsOf(grants: readonly Grant[], land: Landscape, isTainted = false): readonly Draft[] {
  const single = grants.map((grant) => draftOf(grant, isTainted))
  const byTargets = merged(
    single,
    (draft) => [subjectsKey(draft), actionsKey(draft), conditionsKey(draft)],
    joinTargets,
  )
  const byActions = merged(byTargets, (draft) => [casesKey(draft), conditionsKey(draft)], joinActions)
  const bySubjects = merged(
    byActions,
    (draft) => [kindOf(draft), actionsKey(draft), targetsKey(draft), conditionsKey(draft)],
    joinSubjects,
  )
  return merged(
    bySubjects,
    (draft, index) => {
      const place = placeOf(draft, land)
      return place === undefined ? [String(index)] : [kindOf(draft), place, actionsKey(draft), conditionsKey(draft)]
    },
    joinCases,
  )
}

function draftOf({ subject, action, target, cells }: Grant, isTainted: boolean): Draft {
  const actor = cells.some(({ acting }) => acting > 0)
  return {
    actions: [action],
    cases: [{ subject, targets: [target] }],
    isInChain: isOnlyInChain(cells),
    // Those behind a call answer for it with the one who makes it: its statement looks at the arguments.
    isTrusted: action.isCall && actor && !isTainted,
    patterns: action.isCall && actor && target.grants.length === 1 ? patternsIn(cells) : [],
    cells: new Set(cells),
  }
}

const ENOUGH = 20

/** Whoever acts, and was seen in chains a few times, may well act alone next time. */
function isOnlyInChain(cells: readonly Cell[]): boolean {
  if (cells.some(({ alone }) => alone > 0)) return false
  const acting = cells.reduce((sum, cell) => sum + cell.acting, 0)
  return acting === 0 || acting >= ENOUGH
}

function patternsIn(cells: readonly Cell[]): readonly ArgumentPattern[] {
  const all = newSketch()
  for (const cell of cells) {
    // What is not on record for every call, nothing can be said of; and whoever is behind some calls is behind any.
    if (cell.arguments === undefined || cell.arguments.calls < cell.count) return []
    mergeSketch(all, cell.arguments)
  }
  return patternsOf(all)
}

function merged(
  drafts: readonly Draft[],
  keyOf: (draft: Draft, index: number) => readonly string[],
  join: (a: Draft, b: Draft) => Pick<Draft, 'actions' | 'cases'>,
): readonly Draft[] {
  const found = new Map<string, Draft>()
  drafts.forEach((draft, index) => {
    const key = keyOf(draft, index).join('\n')
    const known = found.get(key)
    found.set(
      key,
      known === undefined
        ? draft
        : { ...known, ...join(known, draft), cells: new Set([...known.cells, ...draft.cells]) },
    )
  })
  return [...found.values()]
}

function joinTargets(a: Draft, b: Draft) {
  return { actions: a.actions, cases: a.cases.map((one) => ({ ...one, targets: [...one.targets, ...targetsIn(b)] })) }
}

function joinActions(a: Draft, b: Draft) {
  const [one] = a.cases
  const [other] = b.cases
  // What each action grants in a container differs: both are kept, for counting.
  const cases =
    one === undefined || other === undefined ? a.cases : [{ ...one, targets: withOthers(one.targets, other.targets) }]
  return { actions: [...a.actions, ...b.actions].sort((x, y) => x.number - y.number), cases }
}

function withOthers(targets: readonly Target[], more: readonly Target[]): readonly Target[] {
  return targets.map((target) => {
    const other = more.find(({ container }) => container === target.container)
    if (other === undefined) return target
    return {
      ...target,
      grants: [...new Set([...target.grants, ...other.grants])],
      touched: [...new Set([...target.touched, ...other.touched])],
    }
  })
}

function joinSubjects(a: Draft, b: Draft) {
  const [one] = a.cases
  const [other] = b.cases
  if (one === undefined || other === undefined) return a
  const isNamed = a.cases.length === 1 && one.subject.named.length > 0 && other.subject.named.length > 0
  if (!isNamed) return { actions: a.actions, cases: [...a.cases, ...b.cases] }
  const named = [...one.subject.named, ...other.subject.named]
  return { actions: a.actions, cases: [{ ...one, subject: { ...one.subject, named } }] }
}

function joinCases(a: Draft, b: Draft) {
  return { actions: a.actions, cases: [...a.cases, ...b.cases] }
}

function subjectText({ kind, groups, named }: Subject): string {
  return `${kind} ${groups.join(' ')} : ${named.join(' ')}`
}

function kindOf({ cases }: Draft): string {
  const [first] = cases
  const isNamed = (first?.subject.named.length ?? 0) > 0
  return `${first?.subject.kind} ${isNamed}`
}

function targetsIn({ cases }: Draft): readonly Target[] {
  return cases.flatMap(({ targets }) => targets)
}

function subjectsKey({ cases }: Draft): string {
  return cases.map(({ subject }) => subjectText(subject)).join(' | ')
}

function targetsKey(draft: Draft): string {
  const names = targetsIn(draft).map(({ container, isContainer }) => `${container}${isContainer ? '+' : ''}`)
  return [...new Set(names)].sort().join(' ')
}

function casesKey(draft: Draft): string {
  return `${subjectsKey(draft)} on ${targetsKey(draft)}`
}

function actionsKey({ actions }: Draft): string {
  return actions.map(({ id }) => id).join(' ')
}

function conditionsKey({ isInChain, isTrusted, patterns, actions }: Draft): string {
  return JSON.stringify([isInChain, isTrusted, patterns, actions.some(({ isCall }) => isCall)])
}

/**
 * What several statements can be told as cases of: those of a type in one project each, on what is in that project; and
 * single ones who stood behind what others did.
 */
function placeOf({ cases, isInChain, cells }: Draft, land: Landscape): string | undefined {
  const [only, ...more] = cases
  if (only === undefined || more.length > 0) return undefined
  const { subject, targets } = only
  if (subject.named.length > 0 && isInChain && [...cells].every(({ acting }) => acting === 0)) return 'behind'
  const project = subject.groups.find((one) => land.uidOf(one).type === 'Project')
  if (project === undefined) return undefined
  const isInside = targets.every(({ container }) => container === project || land.within(container).includes(project))
  return isInside ? subject.groups.filter((one) => one !== project).join(' ') : undefined
}
