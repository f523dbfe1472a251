import { z } from 'zod'
import { table } from '../output.ts'
import { count } from './count.ts'
import { short } from './stored-revision.ts'

const ref = z.object({ type: z.string(), id: z.string() })
const statement = z.object({
  id: z.string(),
  title: z.string(),
  policy: z.string(),
  actions: z.array(z.string()),
  evidence: z.object({
    requests: z.number(),
    denied: z.number(),
    distinct: z.number(),
    principals: z.array(ref),
    first: z.number(),
    last: z.number(),
    examples: z.array(z.number()),
  }),
  granted: z.number(),
  beyond: z.number(),
  caution: z.string().optional(),
  why: z.string().optional(),
})

/** As the server tells it. */
export const suggestionSchema = z.object({
  text: z.string(),
  statements: z.array(statement),
  leftOut: z.array(statement),
  refused: z.array(
    z.object({ policy: z.string(), count: z.number(), last: z.number(), examples: z.array(z.number()) }),
  ),
  takeAway: z.array(
    z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal('policy'),
        id: z.string(),
        source: z.string(),
        line: z.number(),
        wouldAllow: z.number().optional(),
      }),
      z.object({
        kind: z.literal('role'),
        role: z.string(),
        assignee: ref,
        on: ref.optional(),
        actions: z.array(z.string()),
      }),
      z.object({
        kind: z.literal('actions'),
        role: z.string(),
        used: z.array(z.string()),
        unused: z.array(z.string()),
      }),
    ]),
  ),
  replaces: z.array(z.string()),
  pointless: z.array(z.string()),
  excess: z.object({
    space: z.number(),
    seen: z.number(),
    granted: z.number(),
    beyond: z.number(),
    share: z.number(),
  }),
  decisions: z.number(),
  learnt: z.number(),
  skipped: z.record(z.string(), z.number()),
  requests: z.number(),
  covered: z.number(),
  principals: z.number(),
  from: z.number(),
  until: z.number(),
})

export type Suggestion = z.output<typeof suggestionSchema>

export interface SuggestionPlace {
  readonly since: string
  readonly beside?: boolean
  /** The file that it was written to. */
  readonly out?: string
  /** The address of the revision that it was pushed as. */
  readonly revision?: string | undefined
}

/** For the one who has to answer for the policy: what it rests on, what it leaves out, and what to do next. */
export function suggestionText(suggestion: Suggestion, options: SuggestionPlace): string {
  const parts = [headText(suggestion), statementsText(suggestion), leftOutText(suggestion), refusedText(suggestion)]
  parts.push(takeAwayText(suggestion), nextText(suggestion, options))
  return parts.filter((part) => part !== '').join('\n\n')
}

function headText({
  decisions,
  learnt,
  from,
  until,
  principals,
  requests,
  covered,
  excess,
  statements,
  skipped,
}: Suggestion) {
  const why = Object.entries(SKIPPED).flatMap(([name, text]) => {
    const times = skipped[name] ?? 0
    return times === 0 ? [] : [`  ${number(times)} ${text}`]
  })
  return [
    `${number(decisions)} decisions from ${day(from)} to ${day(until)}, learnt from ${number(learnt)} of them`,
    ...why,
    `${count(statements.length, 'statement')} for ${number(covered)} of ${number(requests)} different requests of ${number(principals)} principals`,
    `beyond what was seen: ${number(excess.beyond)} of ${number(excess.space - excess.seen)} possible requests, ${percent(excess.share)}`,
  ].join('\n')
}

const SKIPPED: Readonly<Record<string, string>> = {
  granted: 'are permitted by what stays in force',
  enforced: 'were denied and enforced: nobody knows whether they should have been',
  refused: 'are denied whatever is granted',
  asked: 'only asked what would be possible',
  unknown: 'were about somebody or something that is gone',
  crowded: 'were too many to be told apart',
}

const MOST_STATEMENTS = 30

function statementsText({ statements }: Suggestion): string {
  if (statements.length === 0) return ''
  const all = statements
    .toSorted((a, b) => b.evidence.requests - a.evidence.requests)
    .map(({ title, evidence, beyond }) => [
      number(evidence.requests),
      number(evidence.principals.length),
      beyond === 0 ? '' : number(beyond),
      title,
    ])
  const rows = all.slice(0, MOST_STATEMENTS)
  const rest = all.length - rows.length
  const shown = table([['requests', 'by', 'beyond', 'statement'], ...rows])
  return rest === 0 ? shown : `${shown}\n… and ${number(rest)} more`
}

function leftOutText({ leftOut }: Suggestion): string {
  if (leftOut.length === 0) return ''
  const lines: string[] = [`left out, for somebody to look at first: ${leftOut.length}`]
  for (const caution of new Set(leftOut.map((one) => one.caution))) {
    const own = leftOut.filter((one) => one.caution === caution)
    lines.push(`  ${own[0]?.why ?? caution}`)
    const rows = own.map(({ id, title, evidence }) => [
      `    ${id}`,
      count(evidence.requests, 'request'),
      `record ${evidence.examples.join(', ')}`,
      title,
    ])
    lines.push(table(rows))
  }
  return lines.join('\n')
}

function refusedText({ refused }: Suggestion): string {
  if (refused.length === 0) return ''
  const rows = refused.map(({ policy, count: times, examples }) => [
    `  ${policy}`,
    count(times, 'request'),
    `record ${examples.join(', ')}`,
  ])
  return ['denied whatever is granted, by', table(rows)].join('\n')
}

const MOST_ROLES = 10

function takeAwayText({ takeAway, from }: Suggestion): string {
  if (takeAway.length === 0) return ''
  const lines = [`to take away: not used since ${day(from)}`]
  const roles = new Map<string, string[]>()
  for (const one of takeAway) {
    if (one.kind === 'policy') {
      const much = one.wouldAllow === undefined ? '' : `, would allow ${count(one.wouldAllow, 'request')}`
      lines.push(`  policy ${one.id} (${one.source}:${one.line})${much}`)
    } else if (one.kind === 'role') {
      const place = one.on === undefined ? one.role : `${one.role} on ${one.on.type}::${one.on.id}`
      roles.set(place, [...(roles.get(place) ?? []), one.assignee.id])
    }
  }
  for (const [place, who] of roles) lines.push(`  role ${place} of ${listed(who)}`)
  for (const one of takeAway) {
    if (one.kind !== 'actions') continue
    lines.push(`  of the role ${one.role}, used for ${listed(one.used)}: ${listed(one.unused)}`)
  }
  return lines.join('\n')
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_ROLES).join(', ')
  return names.length <= MOST_ROLES ? shown : `${shown} and ${names.length - MOST_ROLES} more`
}

function nextText({ leftOut, statements }: Suggestion, { since, out, beside, revision }: SuggestionPlace): string {
  const accept = leftOut.length === 0 ? [] : ['  grant what was left out and is meant: --accept ID …']
  if (revision !== undefined) {
    const name = short(revision)
    return [
      `pushed as revision ${name} with what stays in force: ${count(statements.length, 'statement')}; nothing is decided by it`,
      'next',
      `  sallyport policy show ${name}`,
      `  sallyport policy replay --candidate ${name}`,
      `  sallyport policy activate ${name}`,
      ...accept,
    ].join('\n')
  }
  if (out === undefined) {
    return [
      'next',
      `  write it to a file: sallyport policy suggest --since ${since} --out suggested.cedar`,
      ...accept,
    ].join('\n')
  }
  return [
    `wrote ${out}: ${count(statements.length, 'statement')}; it is in force nowhere`,
    'next',
    `  read it, name it in a manifest ${beside === true ? 'beside' : 'in place of'} what grants today, and try it: sallyport policy check, test, replay`,
    ...accept,
  ].join('\n')
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.01 ? 3 : 1)} %`
}

function day(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
