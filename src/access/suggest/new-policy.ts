import type { NewCondition, NewPolicy, Uid } from '../../cedar/index.ts'
import type { Subject } from './cover.ts'
import type { Landscape } from './landscape.ts'
import type { Draft } from './statements.ts'
import type { Target } from './targets.ts'

/** The statement as it is to be written: as much as possible in its head, where the engine finds it fastest. */
export function newPolicyOf(
  { actions, cases, isInChain, isTrusted, patterns }: Draft,
  annotations: NewPolicy['annotations'],
  land: Landscape,
): NewPolicy {
  const [only, ...more] = cases
  if (only === undefined) throw new TypeError('a statement about nobody')
  const isOne = more.length === 0
  const head = isOne ? headOf(only.subject, land) : commonHead(cases, land)
  const isSameTarget = cases.every(({ targets }) => namesOf(targets) === namesOf(only.targets))
  const target = isSameTarget ? soleTarget(only.targets) : undefined
  const when: NewCondition[] = []
  if (isOne) when.push(...memberConditions(only.subject, head, land))
  else if (isSameTarget) when.push(anyMember(cases, head, land))
  if (isSameTarget && target === undefined) when.push(targetsCondition(only.targets, actions, land))
  if (!isSameTarget) {
    const of = cases.map(({ subject, targets }): NewCondition => {
      return { kind: 'all', of: [...memberConditions(subject, head, land), targetsCondition(targets, actions, land)] }
    })
    when.push({ kind: 'any', of })
  }
  if (isInChain) when.push({ kind: 'in-chain' })
  if (isTrusted) when.push({ kind: 'trusted-arguments' })
  for (const pattern of patterns) {
    if ('texts' in pattern) when.push({ kind: 'argument', pointer: pattern.pointer, texts: pattern.texts })
    else when.push({ kind: 'argument-like', ...pattern })
  }
  return {
    annotations,
    principal: head,
    actions: actions.map(({ uid }) => uid),
    resource:
      target === undefined
        ? {}
        : target.isContainer
          ? { within: land.uidOf(target.container) }
          : { is: land.uidOf(target.container) },
    when,
  }
}

function namesOf(targets: readonly Target[]): string {
  return targets
    .map(({ container, isContainer }) => `${container} ${isContainer}`)
    .sort()
    .join()
}

function anyMember(cases: Draft['cases'], head: Head, land: Landscape): NewCondition {
  const each = cases.map(({ subject }) => memberConditions(subject, head, land))
  const single = each.flatMap(([only, ...more]) => (only?.kind === 'in' && more.length === 0 ? only.uids : []))
  if (single.length === each.length) return { kind: 'in', of: 'principal', uids: single }
  return { kind: 'any', of: each.map((of): NewCondition => ({ kind: 'all', of })) }
}

type Head = NewPolicy['principal']

function headOf({ kind, groups, named }: Subject, land: Landscape): Head {
  const [only, ...more] = named
  if (only !== undefined) return more.length === 0 ? { is: land.uidOf(only) } : { type: kind }
  const [first] = groups
  return first === undefined ? { type: kind } : groupHead(kind, land.uidOf(first))
}

/** Only agents are of a type. */
function groupHead(kind: string, group: Uid): Head {
  return group.type === 'AgentType' ? { within: group } : { type: kind, within: group }
}

function commonHead(cases: Draft['cases'], land: Landscape): Head {
  const [first, ...more] = cases
  const [group] = first?.subject.groups ?? []
  const kind = first?.subject.kind ?? ''
  if (group === undefined || !more.every(({ subject }) => subject.groups[0] === group)) return { type: kind }
  return groupHead(kind, land.uidOf(group))
}

/** What the head does not say of them. */
function memberConditions({ groups, named }: Subject, head: Head, land: Landscape): readonly NewCondition[] {
  if (named.length > 0) {
    return head.is === undefined ? [{ kind: 'in', of: 'principal', uids: named.map(land.uidOf) }] : []
  }
  const inHead = head.within
  return groups
    .map(land.uidOf)
    .filter(({ type, id }) => type !== inHead?.type || id !== inHead.id)
    .map((uid): NewCondition => ({ kind: 'in', of: 'principal', uids: [uid] }))
}

function soleTarget(targets: readonly Target[]): Target | undefined {
  const [only, ...more] = targets
  return more.length === 0 ? only : undefined
}

function targetsCondition(targets: readonly Target[], actions: Draft['actions'], land: Landscape): NewCondition {
  // `in` is true for the thing itself too; where something is in it that is not meant, only `==` says so.
  const exact = targets.filter(
    ({ container, isContainer }) => !isContainer && actions.some((action) => land.holds(container, action)),
  )
  const others = targets.filter((target) => !exact.includes(target))
  const uidsOf = (list: readonly Target[]): readonly Uid[] => list.map(({ container }) => land.uidOf(container))
  const parts: NewCondition[] = []
  if (others.length > 0) parts.push({ kind: 'in', of: 'resource', uids: uidsOf(others) })
  if (exact.length > 0) parts.push({ kind: 'is', uids: uidsOf(exact) })
  const [part, ...more] = parts
  return part !== undefined && more.length === 0 ? part : { kind: 'any', of: parts }
}
