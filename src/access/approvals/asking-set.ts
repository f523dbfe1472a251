import type { Engine, PolicyInfo } from '../../cedar/index.ts'
import { type Asking, askingOf } from './asking.ts'

/** What is wrong with the annotations about approvals, policy by policy. */
export function askingProblems(policy: PolicyInfo): readonly string[] {
  const asking = askingOf(policy)
  const { source = '', line } = policy.position
  return typeof asking === 'string' ? [`${source}:${line}: \`${policy.id}\`: ${asking}`] : []
}

/** The forbids that an approval lifts, by id, and the engine without them. */
export function withoutAsking(engine: Engine): {
  readonly asking: ReadonlyMap<string, Asking>
  readonly approved: Engine
} {
  const asking = new Map<string, Asking>()
  for (const policy of engine.policies()) {
    const found = askingOf(policy)
    if (found !== undefined && typeof found !== 'string') asking.set(policy.id, found)
  }
  return { asking, approved: asking.size === 0 ? engine : engine.with({ remove: [...asking.keys()] }) }
}
