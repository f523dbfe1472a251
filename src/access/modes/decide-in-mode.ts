import type { Context } from '../../kernel/index.ts'
import { couldAllowForChain, decideForChain, type Judgement, judgeChain, type Known } from '../decide-chain.ts'
import type { LimitsObserved } from '../limits/limits.ts'
import type { Decision, Observed, Question } from '../question.ts'
import { layerTarget } from './mode-target.ts'
import { type ModesInForce, observedBy } from './modes-in-force.ts'
import { isAdministration, placesOf } from './places.ts'
import { isOf, withoutForbidsOf, withoutLayers } from './without-layers.ts'

/**
 * The decision, and whether a denial is only observed. INVARIANT: what is decided does not depend on modes; they say
 * only what a denial refuses. Where nothing is in observe, nobody looks.
 */
export function decideInMode(ctx: Context, question: Question, known: Known): Decision {
  const decision = decideForChain(ctx, question, known)
  const { modes } = known
  return modes === undefined || decision.decision === 'allow'
    ? decision
    : deniedInMode(ctx, question, decision, { ...known, modes })
}

type KnownModes = Known & { readonly modes: ModesInForce }

function deniedInMode(ctx: Context, question: Question, decision: Decision, known: KnownModes): Decision {
  if (isAdministration(question, known)) return decision
  const { modes, layers } = known.modes
  const places = placesOf(ctx, question, known)
  const by = observedBy(places, modes)
  const isHard = isNeverObserved(judgeChain(ctx, question, known), known)
  const enforced = layers.size === 0 ? undefined : decideForChain(ctx, question, withoutLayers(known, layers))
  const at = [...places.projects, ...places.routes]
  if (by.length > 0 && !isHard) {
    const more = enforced?.decision === 'allow' ? refusingLayers(ctx, question, decision, known) : []
    return { ...decision, observed: { by: [...by, ...more], at } }
  }
  if (enforced === undefined) return decision
  if (enforced.decision === 'deny') return withHelpOf(enforced, decision)
  const observed: Observed = { by: refusingLayers(ctx, question, decision, known), at }
  return { ...decision, observed, ...(enforced.approval === undefined ? {} : { approval: enforced.approval }) }
}

/** A denial of what no policy could be asked about. */
export function unaskedInMode(ctx: Context, question: Question, denial: Decision, known: Known): Decision {
  const { modes } = known
  if (modes === undefined || isAdministration(question, known)) return denial
  const places = placesOf(ctx, question, known)
  const by = observedBy(places, modes.modes)
  if (by.length === 0) return denial
  const judged = judgeChain(ctx, { ...question, call: 'unknown' }, leniently(known))
  if (isNeverObserved(judged, known)) return denial
  return { ...denial, observed: { by, at: [...places.projects, ...places.routes] } }
}

/** What would help is what helps against those who refuse; what is only observed stands in nobody's way. */
function withHelpOf({ advice, remedy, withheld }: Decision, decision: Decision): Decision {
  const { advice: _, remedy: __, withheld: ___, ...rest } = decision
  return {
    ...rest,
    ...(remedy === undefined ? {} : { remedy }),
    ...(advice === undefined ? {} : { advice }),
    ...(withheld === undefined ? {} : { withheld }),
  }
}

/** The layers in observe that refuse this, of which each would do so alone. */
function refusingLayers(ctx: Context, question: Question, decision: Decision, known: KnownModes): readonly string[] {
  const { set } = known
  const { layers } = known.modes
  const found = new Set<string>()
  const add = (policy: string): void => {
    const statement = set.limits?.statements.get(policy)
    const owner = statement === undefined ? set.refusing.owners.get(policy) : layerTarget(statement.layer)
    if (owner !== undefined && layers.has(owner)) found.add(owner)
  }
  for (const { policy } of decision.reasons) add(policy)
  for (const { verdict } of judgeChain(ctx, question, withoutForbidsOf(known, layers)).links) {
    for (const { name } of verdict.ceilings) add(name)
  }
  return [...found].sort()
}

/** What decides on approvals: where layers are in observe, what they ask for is not asked. */
export function knownEnforced(known: Known): Known {
  const layers = known.modes?.layers
  return layers === undefined || layers.size === 0 ? known : withoutLayers(known, layers)
}

/**
 * What no mode softens: the mandate, because it is the subject's own word; entries of deny lists, because they are the
 * emergency brake; and forbids that say `@always`, among them those of principals who are suspended, of credentials
 * that were narrowed, and of tools that nobody has accepted.
 */
function isNeverObserved({ outside, listed, links }: Judgement, { set }: Known): boolean {
  if (outside !== undefined) return true
  if (listed.some(({ policy }) => policy.startsWith('list/deny/'))) return true
  return links.some(({ verdict }) => verdict.forbids.some((policy) => set.always.has(policy)))
}

/** Whether there are arguments with which a call could go on. */
export function couldGoOn(ctx: Context, question: Question, known: Known): boolean {
  if (couldAllowForChain(ctx, question, known)) return true
  const { modes } = known
  if (modes === undefined || isAdministration(question, known)) return false
  if (modes.layers.size > 0 && couldAllowForChain(ctx, question, withoutLayers(known, modes.layers))) return true
  if (observedBy(placesOf(ctx, question, known), modes.modes).length === 0) return false
  // What fails for want of arguments is not what refuses whatever they are.
  return !isNeverObserved(judgeChain(ctx, { ...question, call: 'unknown' }, leniently(known)), known)
}

function leniently(known: Known): Known {
  return { ...known, set: { ...known.set, engine: known.set.lenient } }
}

/** What of the limits is only observed for this request; `undefined` where all of them are enforced. */
export function limitsObserved(
  ctx: Context,
  question: Question,
  { decision, observed }: Decision,
  known: Known,
): LimitsObserved | undefined {
  const { modes } = known
  if (modes === undefined || isAdministration(question, known)) return undefined
  const places = placesOf(ctx, question, known)
  const by = observedBy(places, modes.modes)
  // INVARIANT: a denial that is observed for the sake of its layers alone leaves the limits of all others as they are.
  const isPlace = by.length > 0 && (decision === 'allow' || observed?.by.some((target) => by.includes(target)) === true)
  if (!isPlace && modes.layers.size === 0) return undefined
  return {
    isObserved: (statement) => isPlace || isOf(statement, modes.layers),
    observed: (denial) => {
      const layers = denial.reasons.flatMap(({ policy }) => {
        const statement = known.set.limits?.statements.get(policy)
        return statement !== undefined && isOf(statement, modes.layers) ? [layerTarget(statement.layer) ?? ''] : []
      })
      const at = [...places.projects, ...places.routes]
      return { ...denial, observed: { by: [...(isPlace ? by : []), ...new Set(layers)], at } }
    },
  }
}
