import { parsePrincipalId } from '../../kernel/index.ts'
import type { EntityRef } from '../question.ts'
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
      const resource = resourceIn(value)
      if (resource === undefined) return `\`${value}\` is not a type and an id, as in \`Dataset::calls\``
      const { type, id, isQuoted } = resource
      if (!isQuoted && mayBeType(id)) return `quote the id, as in \`Shop::Order::"o1"\` or \`Document::"a::b"\``
      return { kind, value: type.includes('::') || mayBeType(id) ? `${type}::"${id}"` : `${type}::${id}` }
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

/** The resource that a target of this kind names. */
export function resourceNamed(value: string): EntityRef {
  const resource = resourceIn(value)
  if (resource === undefined) throw new TypeError(`a target that was never checked: ${value}`)
  return { type: resource.type, id: resource.id }
}

function resourceIn(value: string): (EntityRef & { readonly isQuoted: boolean }) | undefined {
  const match = /^(?:((?:[A-Za-z_]\w*::)+[A-Za-z_]\w*|[A-Z]\w*)::"([^"]+)"|([A-Z]\w*)::(.+))$/s.exec(value)
  const [, of, quoted, plainOf, plain] = match ?? []
  const type = of ?? plainOf
  const id = quoted ?? plain
  return type === undefined || id === undefined ? undefined : { type, id, isQuoted: quoted !== undefined }
}

/** Whether what stands before could be a namespace: then it takes quotes to see where the id begins. */
function mayBeType(id: string): boolean {
  return /^[A-Za-z_]\w*::/.test(id)
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
