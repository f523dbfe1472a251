import type { Expression } from './expression.ts'
import type { Policy } from './policy.ts'
import { scan, type Token } from './policy-text.ts'

/** A part of a text: `text.slice(start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface PolicySpans {
  readonly principal: Span | undefined
  readonly action: Span | undefined
  readonly resource: Span | undefined
  /** Where an expression of the policy's conditions stands in its text. */
  of(expression: Expression): Span | undefined
}

/**
 * Finds where the parts of a policy stand in its text, which the official parser does not tell. The text has been
 * accepted before, so this reads structure only; wherever it would not agree with the tree, it says nothing.
 */
export function locate(policy: Policy): PolicySpans {
  const reader = new SpanReader(policy.text)
  const [scope, bodies] = reader.policy()
  const spans = new Map<Expression, Span>()
  policy.conditions.forEach(({ body }, index) => {
    const node = bodies[index]
    if (node !== undefined) match(body, node, spans)
  })
  return { principal: scope[0], action: scope[1], resource: scope[2], of: (expression) => spans.get(expression) }
}

interface SpanNode extends Span {
  readonly operator: string
  readonly children: readonly SpanNode[]
}

function match(expression: Expression, node: SpanNode, spans: Map<Expression, Span>): void {
  spans.set(expression, node)
  const operands = operandsOf(expression)
  const children = expression.kind === node.operator ? flatten(node) : node.children
  if (operands.length !== children.length) return
  operands.forEach((operand, index) => {
    const child = children[index]
    if (child !== undefined) match(operand, child, spans)
  })
}

function flatten(node: SpanNode): readonly SpanNode[] {
  if (node.operator !== 'and' && node.operator !== 'or') return node.children
  return node.children.flatMap((child) => (child.operator === node.operator ? flatten(child) : [child]))
}

/** The parts of an expression, in the order in which they are written. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'variable':
      return []
    case 'and':
    case 'or':
      return expression.operands
    case 'not':
    case 'negate':
    case 'attribute':
    case 'has':
    case 'like':
      return [expression.of]
    case 'if':
      return [expression.condition, expression.whenTrue, expression.whenFalse]
    case 'compare':
    case 'arithmetic':
    case 'in':
      return [expression.left, expression.right]
    case 'is':
      return expression.within === undefined ? [expression.of] : [expression.of, expression.within]
    case 'getTag':
    case 'hasTag':
      return [expression.of, expression.tag]
    case 'set':
      return expression.elements
    case 'record':
      return expression.fields.map(([, field]) => field)
    case 'call':
      return expression.parameters
  }
}

interface PlacedToken extends Span {
  readonly token: Token | 'end'
  readonly text: string
}

const RELATIONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in'])

class SpanReader {
  readonly #tokens: PlacedToken[] = []
  #at = 0

  constructor(text: string) {
    scan(text, (token, start, end) => {
      if (token !== 'space') this.#tokens.push({ token, start, end, text: text.slice(start, end) })
    })
  }

  policy(): readonly [scope: readonly Span[], bodies: readonly SpanNode[]] {
    while (this.#text() === '@') this.#annotation()
    this.#next()
    const scope = this.#scope()
    const bodies: SpanNode[] = []
    while (this.#text() === 'when' || this.#text() === 'unless') {
      this.#next()
      this.#next()
      bodies.push(this.#expression())
      this.#take('}')
    }
    return [scope, bodies]
  }

  #annotation(): void {
    this.#next()
    this.#next()
    if (this.#take('(')) while (!this.#take(')') && this.#peek().token !== 'end') this.#next()
  }

  #scope(): Span[] {
    const parts: Span[] = []
    let depth = 0
    let start: number | undefined
    this.#take('(')
    for (let token = this.#peek(); token.token !== 'end'; token = this.#peek()) {
      if (depth === 0 && (token.text === ',' || token.text === ')')) {
        if (start !== undefined) parts.push({ start, end: this.#previousEnd() })
        start = undefined
        this.#next()
        if (token.text === ')') break
        continue
      }
      start ??= token.start
      if (token.text === '[' || token.text === '(') depth++
      if (token.text === ']' || token.text === ')') depth--
      this.#next()
    }
    return parts
  }

  #expression(): SpanNode {
    const { start } = this.#peek()
    if (!this.#take('if')) return this.#chain('or', '||', () => this.#chain('and', '&&', () => this.#relation()))
    const condition = this.#expression()
    this.#take('then')
    const whenTrue = this.#expression()
    this.#take('else')
    return this.#node('if', start, [condition, whenTrue, this.#expression()])
  }

  #chain(operator: string, symbol: string, operand: () => SpanNode): SpanNode {
    const first = operand()
    if (this.#text() !== symbol) return first
    const operands = [first]
    while (this.#take(symbol)) operands.push(operand())
    return this.#node(operator, first.start, operands)
  }

  #relation(): SpanNode {
    const left = this.#binary(['+', '-'], () => this.#binary(['*'], () => this.#unary()))
    const operator = this.#text()
    if (RELATIONS.has(operator)) {
      this.#next()
      const right = this.#binary(['+', '-'], () => this.#binary(['*'], () => this.#unary()))
      return this.#node(operator === 'in' ? 'in' : 'compare', left.start, [left, right])
    }
    if (this.#take('has')) {
      this.#next()
      while (this.#take('.')) this.#next()
      return this.#node('has', left.start, [left])
    }
    if (this.#take('like')) {
      this.#next()
      return this.#node('like', left.start, [left])
    }
    if (!this.#take('is')) return left
    this.#next()
    while (this.#take('::')) this.#next()
    const within = this.#take('in') ? [this.#binary(['+', '-'], () => this.#unary())] : []
    return this.#node('is', left.start, [left, ...within])
  }

  #binary(symbols: readonly string[], operand: () => SpanNode): SpanNode {
    let left = operand()
    while (symbols.includes(this.#text())) {
      this.#next()
      left = this.#node('arithmetic', left.start, [left, operand()])
    }
    return left
  }

  #unary(): SpanNode {
    const { start } = this.#peek()
    if (this.#take('!')) return this.#node('not', start, [this.#unary()])
    if (this.#take('-')) return this.#node('negate', start, [this.#unary()])
    return this.#member()
  }

  #member(): SpanNode {
    let base = this.#primary()
    for (;;) {
      if (this.#take('.')) {
        this.#next()
        if (this.#take('(')) base = this.#node('call', base.start, [base, ...this.#list(')')])
        else base = this.#node('attribute', base.start, [base])
      } else if (this.#take('[')) {
        this.#next()
        this.#take(']')
        base = this.#node('attribute', base.start, [base])
      } else return base
    }
  }

  #primary(): SpanNode {
    const { start } = this.#peek()
    if (this.#take('(')) {
      const inner = this.#expression()
      this.#take(')')
      // Brackets belong to what stands in them.
      return { ...inner, start, end: this.#previousEnd() }
    }
    if (this.#take('[')) return this.#node('set', start, this.#list(']'))
    if (this.#take('{')) return this.#node('record', start, this.#record())
    this.#next()
    while (this.#take('::')) this.#next()
    if (this.#take('(')) return this.#node('call', start, this.#list(')'))
    return this.#node('leaf', start, [])
  }

  #list(end: string): readonly SpanNode[] {
    const items: SpanNode[] = []
    while (!this.#take(end) && this.#peek().token !== 'end') {
      items.push(this.#expression())
      this.#take(',')
    }
    return items
  }

  #record(): readonly SpanNode[] {
    const fields: SpanNode[] = []
    while (!this.#take('}') && this.#peek().token !== 'end') {
      this.#next()
      this.#take(':')
      fields.push(this.#expression())
      this.#take(',')
    }
    return fields
  }

  #node(operator: string, start: number, children: readonly SpanNode[]): SpanNode {
    return { operator, start, end: this.#previousEnd(), children }
  }

  #peek(): PlacedToken {
    const last = this.#tokens.at(-1)?.end ?? 0
    return this.#tokens[this.#at] ?? { token: 'end', start: last, end: last, text: '' }
  }

  #text(): string {
    return this.#peek().text
  }

  #next(): void {
    this.#at++
  }

  #take(text: string): boolean {
    if (this.#text() !== text) return false
    this.#at++
    return true
  }

  #previousEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0
  }
}
