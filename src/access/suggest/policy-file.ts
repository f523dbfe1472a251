import { format, policyText, type Steps } from '../../cedar/index.ts'
import type { EntityRef } from '../question.ts'
import { excessIn } from './excess.ts'
import type { Landscape } from './landscape.ts'
import { newPolicyOf } from './new-policy.ts'
import type { Caution } from './set-aside.ts'
import type { Draft } from './statements.ts'
import type { Tally } from './tally.ts'
import { count, momentText, titleOf, visibleText } from './wording.ts'

/** A statement with what speaks for it. */
export interface SuggestedStatement {
  readonly id: string
  readonly title: string
  /** In Cedar. */
  readonly policy: string
  readonly actions: readonly string[]
  readonly evidence: Evidence
  /** How many requests it grants (principal, action, resource), and how many of them were never seen. */
  readonly granted: number
  readonly beyond: number
  /** Of what is left out, or was left out until somebody accepted it. */
  readonly caution?: Caution
  /** Why it is left out, in a sentence. */
  readonly why?: string
}

export interface Evidence {
  readonly requests: number
  /** Of those, the ones that nothing permitted. */
  readonly denied: number
  /** Different ones. */
  readonly distinct: number
  readonly principals: readonly EntityRef[]
  /** Milliseconds since the epoch. */
  readonly first: number
  readonly last: number
  /** Indices of records. */
  readonly examples: readonly number[]
}

export interface FileInput {
  readonly drafts: readonly Draft[]
  readonly cautions: readonly (readonly [Caution, readonly Draft[]])[]
  readonly accept: readonly string[]
  readonly land: Landscape
  readonly tally: Tally
  readonly tenant: string
}

export interface SuggestedFile {
  readonly text: string
  readonly statements: readonly SuggestedStatement[]
  readonly leftOut: readonly SuggestedStatement[]
  /** What of `accept` something was left out for. */
  readonly accepted: ReadonlySet<string>
  /** Those that are granted. */
  readonly drafts: readonly Draft[]
}

/** The file that a person reads, changes and applies. */
export function* suggestedFile(input: FileInput): Steps<SuggestedFile> {
  const { land, accept } = input
  const ids = new Set<string>()
  const statements: SuggestedStatement[] = []
  for (const draft of input.drafts) {
    statements.push(statementOf(draft, newId(idOf(draft, land), ids), land))
    yield
  }
  const drafts = [...input.drafts]
  const leftOut: SuggestedStatement[] = []
  const accepted = new Set<string>()
  for (const [caution, list] of input.cautions) {
    for (const [index, draft] of list.entries()) {
      const id = `left-out/${caution}-${index + 1}`
      const isAccepted = accept.includes(id) || accept.includes(caution)
      const statement = {
        ...statementOf(draft, isAccepted ? newId(idOf(draft, land), ids) : id, land),
        caution,
        why: CAUTIONS[caution],
      }
      if (isAccepted) {
        accepted.add(accept.includes(id) ? id : caution)
        if (accept.includes(caution)) accepted.add(caution)
        drafts.push(draft)
        statements.push(statement)
      } else leftOut.push(statement)
      yield
    }
  }
  statements.sort((a, b) => (a.id < b.id ? -1 : 1))
  return { text: fileText(statements, leftOut, input), statements, leftOut, accepted, drafts }
}

function statementOf(draft: Draft, id: string, land: Landscape): SuggestedStatement {
  const evidence = evidenceOf(draft, land)
  const { granted, beyond } = excessIn(draft, land)
  const title = titleOf(draft, land)
  const annotations = {
    id,
    title,
    seen: evidenceText(evidence),
    ...(beyond === 0
      ? {}
      : { beyond: `${count(beyond)} of the ${count(granted)} requests that it permits were not seen` }),
  }
  const policy = inOrder(format(policyText(newPolicyOf(draft, annotations, land))).trimEnd())
  return { id, title, policy, actions: draft.actions.map((action) => action.id), evidence, granted, beyond }
}

const ORDER = ['@id', '@title', '@seen', '@beyond']

/** Annotations as people read them: each is a line of its own, since what they hold has no line breaks. */
function inOrder(policy: string): string {
  const lines = policy.split('\n')
  const rankOf = (line: string): number => ORDER.findIndex((name) => line.startsWith(name))
  const annotations = lines.filter((line) => line.startsWith('@')).sort((a, b) => rankOf(a) - rankOf(b))
  return [...annotations, ...lines.filter((line) => !line.startsWith('@'))].join('\n')
}

function evidenceOf({ cells }: Draft, land: Landscape): Evidence {
  const all = [...cells]
  const sum = (of: (cell: (typeof all)[number]) => number): number => all.reduce((total, cell) => total + of(cell), 0)
  const principals = [...new Set(all.map(({ principal }) => principal))].sort((a, b) => a - b)
  return {
    requests: sum((cell) => cell.count),
    denied: sum(({ denied }) => denied),
    distinct: all.length,
    principals: principals.map(land.uidOf),
    first: all.reduce((least, { first }) => Math.min(least, first), Number.POSITIVE_INFINITY),
    last: all.reduce((most, { last }) => Math.max(most, last), 0),
    examples: [...new Set(all.flatMap(({ examples }) => examples))].sort((a, b) => a - b).slice(0, 3),
  }
}

function evidenceText({ requests, principals, first, last, examples }: Evidence): string {
  const [only] = principals
  const who =
    principals.length === 1 && only !== undefined ? visibleText(only.id) : `${count(principals.length)} principals`
  const when = `${momentText(first)} to ${momentText(last)}`
  return `${count(requests)} requests of ${who}, ${when}, such as ${examples.length === 1 ? 'record' : 'records'} ${examples.join(', ')}`
}

/** `suggested/analyst/data-read` */
function idOf({ actions, cases }: Draft, land: Landscape): string {
  const [first] = cases
  const group = first?.subject.groups[0] ?? first?.subject.named[0]
  const who = group === undefined ? 'somebody' : land.uidOf(group).id
  return ['suggested', slug(who), slug(actions[0]?.id ?? '')].join('/')
}

function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '')
  return plain === '' ? 'x' : plain
}

function newId(wanted: string, taken: Set<string>): string {
  let id = wanted
  for (let n = 2; taken.has(id); n++) id = `${wanted}-${n}`
  taken.add(id)
  return id
}

const MOST_SHOWN = 60

function fileText(
  statements: readonly SuggestedStatement[],
  leftOut: readonly SuggestedStatement[],
  { tally, tenant }: FileInput,
): string {
  const span = `${momentText(tally.from)} to ${momentText(tally.until)}`
  const head = [
    `// Suggested from ${count(tally.learnt)} decisions of the tenant ${visibleText(tenant)}, ${span}.`,
    '// It permits what was observed, and as little beyond it as could be said in few statements. It is in force nowhere',
    '// until somebody applies it. @seen says what speaks for a statement, @beyond what it permits that nobody asked for.',
    '//',
  ]
  const shown = leftOut.slice(0, MOST_SHOWN)
  const tail = shown.flatMap(({ id, title, policy, caution, evidence }) => [
    '//',
    `// ${id}: ${title}`,
    `// ${CAUTIONS[caution ?? 'broad']}`,
    `// ${evidenceText(evidence)}`,
    ...policy
      .split('\n')
      .filter((line) => !line.startsWith('@'))
      .map((line) => `//   ${line}`),
  ])
  if (leftOut.length > 0) {
    tail.unshift('//', `// Left out: ${count(leftOut.length)} that somebody should look at first. They permit nothing.`)
  }
  if (leftOut.length > shown.length) tail.push('//', `// … and ${count(leftOut.length - shown.length)} more`)
  const text = format([...head, ...statements.map(({ policy }) => policy), ...tail].join('\n'))
  return `${text.trim()}\n`
}

/** Why something is left out, in a sentence. */
const CAUTIONS: Readonly<Record<Caution, string>> = {
  untrusted: 'reached on untrusted content: what a document, a mail or a page says has chosen an argument',
  alone: 'one agent does what no other of its type does, or somebody stood behind it',
  burst: 'seen only in a burst of requests, far above what its type ever does',
  elevated: 'elevated: needs somebody to say that it is meant',
  administration: 'administers Sallyport itself',
  broad: 'broad: it would permit far more than was seen',
}
