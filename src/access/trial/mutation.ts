import { CedarError, type Mutant, mutantsOf, type PolicyInfo, problemsIn } from '../../cedar/index.ts'
import type { Known } from '../decide-chain.ts'
import { withEngine } from '../policy-set.ts'
import type { PolicyCase } from './case-file.ts'
import type { Trial } from './trial.ts'

/** What the cases say of a changed policy. */
export interface MutantResult extends Omit<Mutant, 'text'> {
  /** The first case that notices; `validator` where the policy would be refused; undefined where nothing notices. */
  readonly noticedBy: string | undefined
}

/**
 * Changes the policies of some sources one small step at a time, and runs the cases under each change until one of them
 * comes out otherwise. The cases must pass as they are. `total`: how many changes there are in all.
 */
export function* tryMutants(
  trial: Trial,
  cases: readonly PolicyCase[],
  isTried: (source: string) => boolean,
): Generator<{ readonly result: MutantResult; readonly total: number }> {
  const { set } = trial.known
  const { engine } = set
  const isOwn = ({ link, position: { source } }: PolicyInfo): boolean =>
    link === undefined && source !== undefined && isTried(source)
  const tried = [
    ...[...engine.policies()].filter(isOwn).map((info) => mutantsThatFit(info, 'policy', trial.schema)),
    ...[...engine.templates()].filter(isOwn).map((info) => mutantsThatFit(info, 'template', trial.schema)),
    // A limit says what it counts with `permit`, and with nothing else.
    ...[...(set.limits?.engine.policies() ?? [])]
      .filter(isOwn)
      .map((info) => mutantsThatFit(info, 'policy', trial.schema).filter(({ change }) => change !== 'forbids instead')),
  ]
  const total = tried.reduce((sum, { length }) => sum + length, 0)
  for (const list of tried) {
    // A case that noticed one change of a policy is likely to notice the next.
    const order = [...cases]
    for (const { text, fits, ...mutant } of list) {
      const under = fits ? underMutant(trial.known, mutant.policy, text) : undefined
      const at = under === undefined ? -1 : order.findIndex((policyCase) => !trial.runUnder(under, policyCase).passed)
      const [noticed] = at === -1 ? [] : order.splice(at, 1)
      if (noticed !== undefined) order.unshift(noticed)
      yield { result: { ...mutant, noticedBy: under === undefined ? 'validator' : noticed?.name }, total }
    }
  }
}

interface TriedMutant extends Mutant {
  /** Whether the changed policy fits the schema: what does not, nobody could put in force. */
  readonly fits: boolean
}

/** The validator reads the whole schema for each question: it is asked once for all changes of a policy. */
function mutantsThatFit(info: PolicyInfo, kind: 'policy' | 'template', schema: string): readonly TriedMutant[] {
  const without = { policy: info.id, text: '', change: 'without the policy', position: info.position, fits: true }
  const changed = mutantsOf(info)
  const renamed = changed.map(({ text }, index): PolicyInfo => ({ ...info, id: `changed ${index}`, text }))
  const [policies, templates] = kind === 'policy' ? [renamed, []] : [[], renamed]
  const problems = problemsIn(policies, templates, { text: schema })
  const wrong = new Set(problems.filter(({ severity }) => severity === 'error').map(({ policy }) => policy))
  return [without, ...changed.map((mutant, index) => ({ ...mutant, fits: !wrong.has(`changed ${index}`) }))]
}

/** Undefined where roles cannot be made from the changed template. */
function underMutant({ set, ...rest }: Known, policy: string, text: string): Known | undefined {
  try {
    const change = text === '' ? { remove: [policy] } : { replace: text, isValidated: true }
    const { limits } = set
    if (limits?.statements.has(policy) === true) {
      return { ...rest, set: { ...set, limits: { ...limits, engine: limits.engine.with(change) } } }
    }
    return { ...rest, set: withEngine(set, set.engine.with(change)) }
  } catch (error) {
    if (error instanceof CedarError) return undefined
    throw error
  }
}
