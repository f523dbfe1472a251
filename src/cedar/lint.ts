import { valueText } from './cedar-text.ts'
import { covers, type Demands, demandsOf, type IsKnownIn, type Piece, pieceText } from './covers.ts'
import type { Problem } from './errors.ts'
import type { Expression } from './expression.ts'
import { locate, operandsOf } from './locate.ts'
import type { Policy } from './policy.ts'
import { positionsIn, within } from './source-position.ts'

export type LintRule = 'no-id' | 'never-applies' | 'needless' | 'shadowed' | 'may-fail' | 'grants-everything'

/** Something that is allowed in a policy, and hardly ever meant. */
export interface LintFinding extends Problem {
  readonly severity: 'warning'
  readonly rule: LintRule
  readonly policy: string
}

/** Whether one policy can make another one needless (a forbid: a permit in vain), as far as their parts go; by ids. */
export type CanShadow = (general: string, special: string) => boolean

/** What hardly anybody means. */
export function lint(policies: readonly Policy[], isKnownIn: IsKnownIn, canShadow: CanShadow): readonly LintFinding[] {
  const all = policies.map(demandsOf)
  const findings = [
    ...all.flatMap(({ policy }) => missingId(policy)),
    ...all.flatMap(contradictions),
    ...all.flatMap(({ policy }) => grantsEverything(policy)),
    ...all.flatMap(({ policy }) => mayFail(policy)),
    ...shadowed(all, isKnownIn, canShadow),
  ]
  return findings.sort(byPlace)
}

function byPlace(a: LintFinding, b: LintFinding): number {
  if (a.source !== b.source) return (a.source ?? '') < (b.source ?? '') ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}

function finding(policy: Policy, rule: LintRule, message: string, more: Partial<Problem> = {}): LintFinding {
  return { ...policy.position, ...more, severity: 'warning', rule, policy: policy.id, message }
}

function missingId(policy: Policy): readonly LintFinding[] {
  if (policy.annotations.id !== undefined) return []
  const help = 'give it an @id: its number changes with the policies before it, and records name it by its id'
  return [finding(policy, 'no-id', `\`${policy.id}\` has no @id`, { help })]
}

function grantsEverything(policy: Policy): readonly LintFinding[] {
  const { effect, scope, bounds, conditions } = policy
  const isOpen = Object.values(scope).every(({ kind }) => kind === 'any') && bounds.length + conditions.length === 0
  if (effect === 'forbid' || !isOpen) return []
  return [finding(policy, 'grants-everything', `\`${policy.id}\` permits everybody everything`)]
}

/** Demands that cannot be met together, and demands that are always met. */
function contradictions({ policy, pieces }: Demands): readonly LintFinding[] {
  const constant = new Map<string, string>()
  for (const [text, piece] of pieces) {
    const { expression, wanted } = piece
    if (expression.kind === 'literal' && typeof expression.value === 'boolean') {
      const holds = expression.value === wanted
      return [
        holds
          ? finding(policy, 'needless', `the condition \`${text}\` of \`${policy.id}\` always holds`, at(policy, piece))
          : never(policy, `\`${text}\` never holds`, piece),
      ]
    }
    if (wanted && pieces.has(pieceText({ expression, wanted: false }))) {
      return [never(policy, `it demands both \`${text}\` and its contrary`, piece)]
    }
    const fixed = wanted ? fixedValue(expression) : undefined
    if (fixed === undefined) continue
    const [path, value] = fixed
    const before = constant.get(path)
    if (before !== undefined && before !== value) {
      return [never(policy, `\`${path}\` cannot be both \`${before}\` and \`${value}\``, piece)]
    }
    constant.set(path, value)
  }
  return []
}

function never(policy: Policy, why: string, piece: Piece): LintFinding {
  return finding(policy, 'never-applies', `\`${policy.id}\` never applies: ${why}`, at(policy, piece))
}

function at(policy: Policy, { expression }: Piece): Partial<Problem> {
  const span = locate(policy).of(expression)
  return span === undefined ? {} : within(policy.position, positionsIn(policy.text).at(span.start))
}

/** `resource.project == "p17"` as its path and its value. */
function fixedValue(expression: Expression): readonly [path: string, value: string] | undefined {
  if (expression.kind !== 'compare' || expression.operator !== '==') return undefined
  const [path, literal] =
    expression.right.kind === 'literal' ? [expression.left, expression.right] : [expression.right, expression.left]
  if (literal.kind !== 'literal' || path.kind === 'literal') return undefined
  return [pieceText({ expression: path, wanted: true }), valueText(literal.value)]
}

/**
 * Forbids that can fail although they fit the schema. One that fails applies: safe, and a riddle to whoever is refused.
 */
function mayFail(policy: Policy): readonly LintFinding[] {
  if (policy.effect === 'permit') return []
  for (const { body } of policy.conditions) {
    const found = failing(body)
    if (found === undefined) continue
    const help = 'integers beyond 64 bits are an error'
    const text = pieceText({ expression: found, wanted: true })
    const place = at(policy, { expression: found, wanted: true })
    return [finding(policy, 'may-fail', `\`${policy.id}\` forbids also where \`${text}\` fails`, { ...place, help })]
  }
  return []
}

function failing(expression: Expression): Expression | undefined {
  const { kind } = expression
  if (kind === 'arithmetic' || (kind === 'negate' && expression.of.kind !== 'literal')) return expression
  for (const operand of operandsOf(expression)) {
    const found = failing(operand)
    if (found !== undefined) return found
  }
  return undefined
}

function shadowed(all: readonly Demands[], isKnownIn: IsKnownIn, canShadow: CanShadow): readonly LintFinding[] {
  const names = all.map(namesOf)
  const counts = new Map<string, number>()
  for (const own of names) for (const name of own) counts.set(name, (counts.get(name) ?? 0) + 1)
  const byKey = new Map<string, number[]>()
  names.forEach((own, index) => {
    const key = rarest(own, counts)
    const list = byKey.get(key)
    if (list === undefined) byKey.set(key, [index])
    else list.push(index)
  })
  return all.flatMap((special, index) => {
    const candidates = new Set([...(names[index] ?? []), ANY].flatMap((key) => byKey.get(key) ?? []))
    for (const other of [...candidates].sort((a, b) => a - b)) {
      const general = all[other]
      if (other === index || general === undefined) continue
      const [wide, narrow] = [general.policy, special.policy]
      if (wide.effect === 'permit' && narrow.effect === 'forbid') continue
      if (!covers(general, special, isKnownIn) || !canShadow(wide.id, narrow.id)) continue
      // Of two that say the same, the later one is told of.
      if (wide.effect === narrow.effect && other > index && covers(special, general, isKnownIn)) continue
      const message =
        wide.effect === narrow.effect
          ? `\`${narrow.id}\` adds nothing: \`${wide.id}\` applies wherever it does`
          : `\`${narrow.id}\` never grants anything: \`${wide.id}\` forbids wherever it applies`
      return [finding(narrow, 'shadowed', message)]
    }
    return []
  })
}

// A policy can only cover those that name what it names: it is found by the rarest of these names, so that ten thousand
// policies are not compared each with each.
function rarest(names: readonly string[], counts: ReadonlyMap<string, number>): string {
  const [first = ANY, ...more] = names
  return more.reduce((best, name) => ((counts.get(name) ?? 0) < (counts.get(best) ?? 0) ? name : best), first)
}

const ANY = ''

function namesOf({ policy: { scope, bounds }, pieces }: Demands): readonly string[] {
  const named = [
    ...bounds.map(({ of, constraint }) => ({ of, constraint })),
    { of: 'principal' as const, constraint: scope.principal },
    { of: 'resource' as const, constraint: scope.resource },
  ].flatMap(({ of, constraint }) => {
    if (constraint.kind === 'equal') return [`${of} ${constraint.uid.key}`]
    if (constraint.kind === 'is') return constraint.within === undefined ? [] : [`${of} ${constraint.within.key}`]
    const [uid, ...more] = constraint.kind === 'in' ? constraint.uids : []
    return uid === undefined || more.length > 0 ? [] : [`${of} ${uid.key}`]
  })
  return [...named, ...pieces.keys()]
}
