import { expressionText } from './cedar-text.ts'
import type { Condition, Constraint, Expression } from './expression.ts'
import type { Bound, Policy } from './policy.ts'
import type { EntityRef } from './value.ts'

/** What a policy demands, in pieces that all have to hold. Pieces with the same text demand the same. */
export interface Demands {
  readonly policy: Policy
  /** `resource.public`, `!(resource.public)`. */
  readonly pieces: ReadonlyMap<string, Piece>
}

export interface Piece {
  readonly expression: Expression
  /** What the expression has to come to. */
  readonly wanted: boolean
}

export function demandsOf(policy: Policy): Demands {
  const pieces = new Map<string, Piece>()
  for (const condition of policy.conditions) {
    for (const piece of piecesOf(condition)) pieces.set(pieceText(piece), piece)
  }
  return { policy, pieces }
}

export function pieceText({ expression, wanted }: Piece): string {
  const text = expressionText(expression)
  return wanted ? text : `!(${text})`
}

function piecesOf({ kind, body }: Condition): readonly Piece[] {
  return split(body, kind === 'when')
}

/** `!(a || b)` is `!a` and `!b`. */
function split(expression: Expression, wanted: boolean): readonly Piece[] {
  if (expression.kind === 'not') return split(expression.of, !wanted)
  if (expression.kind === (wanted ? 'and' : 'or')) {
    return expression.operands.flatMap((operand) => split(operand, wanted))
  }
  if (expression.kind === 'compare' && expression.operator === '!=') {
    return [{ expression: { ...expression, operator: '==' }, wanted: !wanted }]
  }
  return [{ expression, wanted }]
}

/** Whether one entity is the other or is in it, as far as that is known whatever entities there are. */
export type IsKnownIn = (uid: EntityRef, of: EntityRef) => boolean

/**
 * Whether `general` applies wherever `special` does. What is answered is read from the policies alone: `true` is
 * certain, `false` is not.
 */
export function covers(general: Demands, special: Demands, isKnownIn: IsKnownIn): boolean {
  for (const text of general.pieces.keys()) if (!special.pieces.has(text)) return false
  const [wide, narrow] = [general.policy, special.policy]
  return (
    wide.bounds.every((bound) => isBounded(bound, narrow, isKnownIn)) &&
    (['principal', 'action', 'resource'] as const).every((part) =>
      isImplied(wide.scope[part], narrow.scope[part], isKnownIn),
    )
  )
}

function isBounded(bound: Bound, { bounds, scope }: Policy, isKnownIn: IsKnownIn): boolean {
  if (isImplied(bound.constraint, scope[bound.of], isKnownIn)) return true
  return bounds.some(({ of, constraint }) => of === bound.of && isImplied(bound.constraint, constraint, isKnownIn))
}

/** Whether whatever meets `special` meets `general`. */
function isImplied(general: Constraint, special: Constraint, isKnownIn: IsKnownIn): boolean {
  switch (general.kind) {
    case 'any':
      return true
    case 'equal':
      return special.kind === 'equal' && special.uid.key === general.uid.key
    case 'in': {
      const isInside = (uid: EntityRef): boolean => general.uids.some((of) => of.key === uid.key || isKnownIn(uid, of))
      if (special.kind === 'equal') return isInside(special.uid)
      if (special.kind === 'in') return special.uids.every(isInside)
      return special.kind === 'is' && special.within !== undefined && isInside(special.within)
    }
    case 'is':
      if (special.kind === 'equal') return general.within === undefined && special.uid.type === general.type
      if (special.kind !== 'is' || special.type !== general.type) return false
      if (general.within === undefined) return true
      return (
        special.within !== undefined &&
        (special.within.key === general.within.key || isKnownIn(special.within, general.within))
      )
  }
}
