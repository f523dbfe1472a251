import type { Subject } from './cover.ts'
import type { Landscape, LandscapeAction } from './landscape.ts'
import type { Draft } from './statements.ts'

/** `agents of the type analyst in churn: data:read on Index churn/notes and 7 more`. Names in it are made visible. */
export function titleOf({ actions, cases }: Draft, land: Landscape): string {
  const [first] = cases
  if (first === undefined) return ''
  const groups = new Set(cases.map(({ subject }) => subjectText(subject, land)))
  const [who = ''] = groups
  const targets = [...new Set(cases.flatMap((one) => one.targets.map(({ container }) => container)))]
  const what = listed(targets.map((target) => nameOf(target, land)))
  const others = groups.size === 1 ? '' : ` and ${groups.size - 1} more like these`
  const title = `${who}${others}: ${actionsText(actions)} on ${what}`
  return isMisleading(title) ? `${count(cases.length)} kinds of principals: ${actionsText(actions)}` : title
}

/** Names that sound as if the statement only read. */
function isMisleading(title: string): boolean {
  return /\bread-only\b|\bchang/i.test(title) || /^(?:reads?|views?|lists?|sees|looks|watches)\b/i.test(title)
}

export function actionsText(actions: readonly LandscapeAction[]): string {
  return listed(actions.map(({ id }) => id))
}

export function subjectText({ kind, groups, named }: Subject, land: Landscape): string {
  if (named.length > 0) return `${kind} ${listed(named.map((one) => visibleText(land.uidOf(one).id)))}`
  const parts = groups.map((group) => {
    const { type, id } = land.uidOf(group)
    return `${WHICH[type] ?? 'in'} ${visibleText(id)}`
  })
  return `${KINDS[kind] ?? kind} ${parts.join(' ')}`
}

const KINDS: Readonly<Record<string, string>> = {
  User: 'people',
  Service: 'services',
  Agent: 'agents',
  Device: 'devices',
}
const WHICH: Readonly<Record<string, string>> = {
  AgentType: 'of the type',
  Role: 'with the role',
  Group: 'of the group',
  Project: 'in',
}

export function nameOf(number: number, land: Landscape): string {
  const { type, id } = land.uidOf(number)
  return `${type} ${visibleText(id)}`
}

function listed(names: readonly string[]): string {
  const [first = '', second] = names
  if (second === undefined) return first
  return names.length === 2 ? `${first} and ${second}` : `${first}, ${second} and ${names.length - 2} more`
}

const LONGEST = 80

/** Text of others, so that it stays in its line and shows what it is. */
export function visibleText(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  return short.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

export function count(number: number): string {
  return number.toLocaleString('en-US')
}

/** `2026-11-14 08:10`, UTC. */
export function momentText(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(0, 16).replace('T', ' ') : 'never'
}
