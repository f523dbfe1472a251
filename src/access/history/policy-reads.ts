import type { Engine, Steps } from '../../cedar/index.ts'

/** What the policies of one set can look at of a request. */
export interface PolicyReads {
  /** JSON pointers of the arguments of calls that policies and limits can read; `undefined` where it may be any. */
  readonly arguments: ReadonlySet<string> | undefined
}

/** In steps, a policy each. Roles that are given later are of templates, which are read here too. */
export function* policyReadsSteps(engines: readonly (Engine | undefined)[]): Steps<PolicyReads> {
  const pointers = new Set<string>()
  let isAny = false
  for (const engine of engines) {
    for (const { tags } of engine?.reads() ?? []) {
      if (tags === undefined) isAny = true
      else for (const tag of tags) pointers.add(tag)
      yield
    }
  }
  return { arguments: isAny ? undefined : pointers }
}
