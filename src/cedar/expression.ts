import type { EntityRef, Value } from './value.ts'

export type Variable = 'principal' | 'action' | 'resource' | 'context'

/** An expression of the policy language. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'variable'; readonly name: Variable }
  /** Two operands or more; chains are one expression. */
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }
  | { readonly kind: 'not' | 'negate'; readonly of: Expression }
  | {
      readonly kind: 'if'
      readonly condition: Expression
      readonly whenTrue: Expression
      readonly whenFalse: Expression
    }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'arithmetic'; readonly operator: Operation; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'in'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'is'; readonly of: Expression; readonly type: string; readonly within: Expression | undefined }
  | { readonly kind: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'has'; readonly of: Expression; readonly path: readonly string[] }
  | { readonly kind: 'like'; readonly of: Expression; readonly pattern: Pattern }
  | { readonly kind: 'getTag' | 'hasTag'; readonly of: Expression; readonly tag: Expression }
  | { readonly kind: 'set'; readonly elements: readonly Expression[] }
  | { readonly kind: 'record'; readonly fields: readonly (readonly [string, Expression])[] }
  | { readonly kind: 'call'; readonly name: string; readonly parameters: readonly Expression[] }

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>='
export type Operation = '+' | '-' | '*'

/** A pattern of `like`: literal text and, as `undefined`, wildcards for any text. */
export type Pattern = readonly (string | undefined)[]

/** What a scope demands of the principal, the action or the resource. */
export type Constraint =
  | { readonly kind: 'any' }
  | { readonly kind: 'equal'; readonly uid: EntityRef }
  | { readonly kind: 'in'; readonly uids: readonly EntityRef[] }
  | { readonly kind: 'is'; readonly type: string; readonly within: EntityRef | undefined }

export interface Scope {
  readonly principal: Constraint
  readonly action: Constraint
  readonly resource: Constraint
}

export interface Condition {
  readonly kind: 'when' | 'unless'
  readonly body: Expression
}
