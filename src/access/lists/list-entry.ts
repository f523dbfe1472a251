import { parsePrincipalId } from '../../kernel/index.ts'
import { networkText, parseNetwork } from './address.ts'

/** One entry of the lists of a tenant. Never changes but for its end and its reason. */
export interface ListEntry {
  readonly id: string
  readonly list: 'deny' | 'allow'
  readonly target: Target
  readonly scope: ListScope
  /** For those who may know. */
  readonly reason: string
  /** Who says so: `admin`, `manifest`, or a machine feed. Entries of one source never replace those of another. */
  readonly source: string
  readonly addedBy: string
  /** Milliseconds since the epoch. */
  readonly addedAt: number
  /** When it stops to have an effect, in milliseconds since the epoch. */
  readonly until: number | undefined
}

/** What an entry speaks of. `value` is in its one form. */
export interface Target {
  readonly kind: TargetKind
  readonly value: string
}

export type TargetKind = keyof typeof DIMENSIONS
export type Dimension = (typeof DIMENSIONS)[TargetKind]

/** What it is limited to: resources of a project; an action, or a group of actions. */
export interface ListScope {
  readonly project?: string
  readonly actions?: string
}

/** Allow lists are kept by dimension: whoever is in an allowed group is on the list of principals. */
export const DIMENSIONS = {
  principal: 'principal',
  group: 'principal',
  'agent-type': 'principal',
  resource: 'resource',
  tool: 'tool',
  model: 'model',
  network: 'network',
  country: 'network',
} as const

const LONGEST = 1024

/** Reads `network:203.0.113.0/24`. What is no target is a sentence that says why. */
export function parseTarget(text: string): Target | string {
  const at = text.indexOf(':')
  const kind = text.slice(0, Math.max(at, 0))
  const value = text.slice(at + 1).trim()
  if (!isKind(kind)) return `\`${text}\` begins with none of ${Object.keys(DIMENSIONS).join(', ')}`
  if (value === '' || value.length > LONGEST) return `\`${kind}:\` needs a value of at most ${LONGEST} characters`
  switch (kind) {
    case 'principal':
    case 'group':
    case 'agent-type':
      return parsePrincipalId(value) === undefined ? `\`${value}\` is no id` : { kind, value }
    case 'resource': {
      const match = /^([A-Z][A-Za-z0-9]*)::(?:"([^"]+)"|(.+))$/s.exec(value)
      const [, type, quoted, plain] = match ?? []
      const id = quoted ?? plain
      return type === undefined || id === undefined
        ? `\`${value}\` is not a type and an id, as in \`Dataset::calls\``
        : { kind, value: `${type}::${id}` }
    }
    case 'network': {
      const network = parseNetwork(value)
      return typeof network === 'string' ? network : { kind, value: networkText(network) }
    }
    case 'country':
      return /^[A-Za-z]{2}$/.test(value)
        ? { kind, value: value.toUpperCase() }
        : `\`${value}\` is no country (two letters)`
    case 'tool':
    case 'model':
      return { kind, value }
  }
}

export function targetText({ kind, value }: Target): string {
  return `${kind}:${value}`
}

/** One text for each scope, none for everywhere. */
export function scopeText({ project, actions }: ListScope): string {
  return [
    ...(project === undefined ? [] : [`project ${project}`]),
    ...(actions === undefined ? [] : [`actions ${actions}`]),
  ].join(', ')
}

/** The same for two entries that say the same of the same: the later replaces the earlier. */
export function entryKey({
  list,
  target,
  scope,
  source,
}: Pick<ListEntry, 'list' | 'target' | 'scope' | 'source'>): string {
  return JSON.stringify([list, target.kind, target.value, scope.project ?? null, scope.actions ?? null, source])
}

export function isAlive({ until }: ListEntry, now: number): boolean {
  return until === undefined || now < until
}

function isKind(text: string): text is TargetKind {
  return Object.hasOwn(DIMENSIONS, text)
}
