import type { Engine, PolicyTrace, SourcePosition, TracedCondition, Tracer } from '../../cedar/index.ts'

/** How often something came to what. */
export interface Count {
  readonly held: number
  readonly failed: number
  readonly errors: number
}

export interface PolicyCoverage extends Count {
  readonly policy: string
  readonly position: SourcePosition
  readonly conditions: readonly (TracedCondition & Count)[]
}

/** Something that no case shows. */
export interface Gap {
  readonly policy: string
  readonly position: SourcePosition
  readonly message: string
}

/** Counts how policies met requests. */
export class Coverage {
  readonly tracer: Tracer
  readonly #engine: Engine
  readonly #counts = new Map<string, { own: Mutable<Count>; conditions: Mutable<Count>[] }>()

  /** `isCounted` says of a source whether its policies count. */
  constructor(engine: Engine, isCounted: (source: string) => boolean) {
    this.tracer = engine.tracer()
    this.#engine = engine
    const positions = new Map([...engine.policies(), ...engine.templates()].map(({ id, position }) => [id, position]))
    for (const [id, conditions] of this.tracer.conditions) {
      const source = positions.get(id)?.source
      if (source === undefined || !isCounted(source)) continue
      this.#counts.set(id, { own: zero(), conditions: conditions.map(zero) })
    }
  }

  add({ policy, outcome, conditions }: PolicyTrace): void {
    const counts = this.#counts.get(policy)
    if (counts === undefined) return
    note(counts.own, outcome)
    conditions.forEach((one, index) => {
      const count = counts.conditions[index]
      if (one !== undefined && count !== undefined) note(count, one)
    })
  }

  /** Every policy that counts, in the order of the files. */
  policies(): readonly PolicyCoverage[] {
    const infos = new Map([...this.#engine.policies(), ...this.#engine.templates()].map((info) => [info.id, info]))
    return [...this.#counts].flatMap(([policy, { own, conditions }]) => {
      const info = infos.get(policy)
      if (info === undefined) return []
      const texts = this.tracer.conditions.get(policy) ?? []
      return [
        {
          policy,
          position: info.position,
          ...own,
          conditions: texts.map((condition, index) => ({ ...condition, ...(conditions[index] ?? zero()) })),
        },
      ]
    })
  }

  /** The policies that no case makes apply, and the conditions that no case sees both ways. */
  gaps(): readonly Gap[] {
    return this.policies().flatMap(({ policy, position, held, conditions }): readonly Gap[] => {
      if (held === 0) return [{ policy, position, message: `no case makes \`${policy}\` apply` }]
      return conditions.flatMap((condition): readonly Gap[] => {
        const at = { policy, position: condition.position }
        if (condition.held === 0) return [{ ...at, message: `no case makes \`${condition.text}\` hold` }]
        if (condition.failed + condition.errors > 0) return []
        return [{ ...at, message: `no case makes \`${condition.text}\` not hold` }]
      })
    })
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function zero(): Mutable<Count> {
  return { held: 0, failed: 0, errors: 0 }
}

function note(count: Mutable<Count>, outcome: PolicyTrace['outcome']): void {
  if (outcome === 'error') count.errors++
  else if (outcome) count.held++
  else count.failed++
}
