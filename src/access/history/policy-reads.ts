import type { Engine, Steps, Uid } from '../../cedar/index.ts'

/** What the policies of one set can look at of a request. */
export interface PolicyReads {
  /** JSON pointers of the arguments of calls that policies and limits can read; `undefined` where it may be any. */
  readonly arguments: ReadonlySet<string> | undefined
  /** What policies look at of the context, by the actions that they are about; each combination once. */
  readonly context: readonly ContextRead[]
}

export interface ContextRead {
  /** Actions, and groups of them; `undefined` for all. */
  readonly actions: readonly Uid[] | undefined
  /** `undefined` where it is the context as a whole. */
  readonly paths: readonly (readonly string[])[] | undefined
  /** Of which only is asked whether they are there. */
  readonly presence: readonly (readonly string[])[]
}

/** In steps, a policy each. Roles that are given later are of templates, which are read here too. */
export function* policyReadsSteps(engines: readonly (Engine | undefined)[]): Steps<PolicyReads> {
  const pointers = new Set<string>()
  const found = new Map<string, ContextRead>()
  let isAny = false
  for (const engine of engines) {
    for (const { actions, context, presence, tags } of engine?.reads() ?? []) {
      if (tags === undefined) isAny = true
      else for (const tag of tags) pointers.add(tag)
      if (context === undefined || context.length + presence.length > 0) {
        const named = actions?.map(({ type, id }) => ({ type, id }))
        found.set(JSON.stringify([named ?? null, context ?? null, presence]), {
          actions: named,
          paths: context,
          presence,
        })
      }
      yield
    }
  }
  return { arguments: isAny ? undefined : pointers, context: [...found.values()] }
}
