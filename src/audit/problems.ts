/** One thing that is wrong with a log, and where. `message` is a sentence for a person. */
export type Problem =
  | { readonly part: 'record'; readonly index: number; readonly message: string }
  | { readonly part: 'records'; readonly from: number; readonly to: number; readonly message: string }
  | { readonly part: 'body'; readonly index: number; readonly message: string }
  | { readonly part: 'tile'; readonly level: number; readonly n: number; readonly message: string }
  | { readonly part: 'checkpoint'; readonly size: number; readonly message: string }
  | { readonly part: 'search'; readonly segment: number; readonly message: string }
  | { readonly part: 'key'; readonly id: number; readonly message: string }
  | { readonly part: 'log'; readonly message: string }

/** Gathers problems, each record and part once, and stops keeping them when there are too many to read. */
export class Problems {
  readonly #found = new Map<string, Problem>()
  readonly #runs: { from: number; to: number }[] = []
  #missing: { from: number; to: number } | undefined
  #more = 0

  add(problem: Problem): void {
    const key = keyOf(problem)
    if (this.#found.has(key)) return
    if (this.#found.size >= MAX_PROBLEMS) this.#more++
    else this.#found.set(key, problem)
  }

  /** A record that is not there; those side by side become one finding. Call it with rising indices. */
  addMissing(index: number): void {
    const run = this.#missing
    if (run?.to === index - 1) run.to = index
    else {
      this.#missing = { from: index, to: index }
      this.#runs.push(this.#missing)
    }
  }

  get count(): number {
    return this.#found.size + this.#more + this.#runs.length
  }

  list(): Problem[] {
    const found: Problem[] = this.#runs.map(({ from, to }) =>
      from === to
        ? { part: 'record', index: from, message: `record ${from} is missing` }
        : { part: 'records', from, to, message: `records ${from} to ${to} are missing` },
    )
    found.push(...this.#found.values())
    if (this.#more > 0) found.push({ part: 'log', message: `and ${this.#more} more` })
    return found
  }
}

const MAX_PROBLEMS = 1000

function keyOf(problem: Problem): string {
  switch (problem.part) {
    // A leaf and its body that do not agree are one finding.
    case 'record':
    case 'body':
      return `record ${problem.index}`
    case 'tile':
      return `tile ${problem.level}/${problem.n}`
    case 'checkpoint':
      return `checkpoint ${problem.size} ${problem.message}`
    default:
      return problem.message
  }
}
