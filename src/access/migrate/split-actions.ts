import { CedarError, compile, type Engine } from '../../cedar/index.ts'
import { manifestError } from '../../identity/index.ts'
import { type Context, errorText } from '../../kernel/index.ts'
import { prepare } from '../decide-chain.ts'
import type { Question } from '../question.ts'
import type { Trial } from '../trial/trial.ts'
import type { MigrationPlan } from './plan.ts'

/** What the action of a request is called afterwards. */
export type ActionAfter = (ctx: Context, question: Question) => string

/**
 * Of an action that is split, this depends on the request: the type of its resource, or the first condition that holds.
 * Throws `manifest_invalid` for a condition that does not fit the schema.
 */
export function actionsAfter(plan: MigrationPlan, trial: Trial): ActionAfter {
  const conditions = conditionsOf(plan, trial.schema)
  return (ctx, question) => {
    const parts = plan.actions.get(question.action)
    if (parts === undefined) return question.action
    const chosen = parts.findIndex(({ on, when }, index) => {
      if (on !== undefined) return on.includes(question.resource.type)
      const engine = conditions.get(`${question.action} ${index}`)
      return when === undefined || engine === undefined || holds(engine, ctx, question, trial)
    })
    return parts[chosen]?.to ?? question.action
  }
}

function conditionsOf(plan: MigrationPlan, schema: string): ReadonlyMap<string, Engine> {
  const found = new Map<string, Engine>()
  const problems: string[] = []
  for (const [id, parts] of plan.actions) {
    parts.forEach(({ when }, index) => {
      if (when === undefined) return
      try {
        found.set(`${id} ${index}`, conditionOf(id, when, schema))
      } catch (error) {
        if (!(error instanceof CedarError)) throw error
        problems.push(`${plan.where(['actions', id, index, 'when'])}: \`${when}\`: ${errorText(error)}`)
      }
    })
  }
  if (problems.length > 0) throw manifestError(problems)
  return found
}

function conditionOf(id: string, when: string, schema: string): Engine {
  const at = id.lastIndexOf('::')
  const action =
    at < 0 ? `Action::${JSON.stringify(id)}` : `${id.slice(0, at)}::Action::${JSON.stringify(id.slice(at + 2))}`
  // A comment at its end must not swallow the bracket.
  const engine = compile({ policies: `permit (principal, action == ${action}, resource) when { ${when}\n};`, schema })
  if ([...engine.policies()].length !== 1) throw new CedarError('policies_invalid', 'must be one condition')
  return engine
}

/** The last link of the chain is the principal: it is the one that acts. */
function holds(engine: Engine, ctx: Context, question: Question, { known }: Trial): boolean {
  const { action, resource, context, entities } = prepare(ctx, question, known)
  const { chain } = ctx.caller
  const { kind, id } = chain.at(-1) ?? chain[0]
  return engine.decide({ principal: { type: kind, id }, action, resource, context }, entities).decision === 'allow'
}
