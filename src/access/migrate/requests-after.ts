import type { EntityJson, Renames } from '../../cedar/index.ts'
import { AccessError } from '../errors.ts'
import type { PolicyCase } from '../trial/case-file.ts'
import type { PolicyRequest, Trial } from '../trial/trial.ts'
import { type NamesAfter, namesAfter } from './names-after.ts'
import type { MigrationPlan } from './plan.ts'
import { actionsAfter } from './split-actions.ts'

/** What was asked before, as it is asked afterwards. */
export interface RequestsAfter {
  readonly names: NamesAfter
  action(request: PolicyRequest): string
  request(request: PolicyRequest): PolicyRequest
  case(policyCase: PolicyCase): PolicyCase
}

/** Throws `manifest_invalid` for a condition of the plan that does not fit the schema. */
export function requestsAfter(plan: MigrationPlan, renames: Renames, before: Trial): RequestsAfter {
  const names = namesAfter(renames)
  const actionAfter = actionsAfter(plan, before)
  const types = new Set(before.known.set.schema.description.entities.map(({ name }) => name))
  const action = (request: PolicyRequest): string => {
    if ((renames.actions.get(request.action)?.length ?? 0) < 2)
      return names.actions(request.action)[0] ?? request.action
    try {
      const { ctx, question } = before.ask(request)
      return actionAfter(ctx, question)
    } catch (error) {
      // A case that cannot be asked stays one: it says so itself.
      if (error instanceof AccessError) return names.actions(request.action)[0] ?? request.action
      throw error
    }
  }
  const renamed = (request: PolicyRequest): PolicyRequest => ({
    ...request,
    action: action(request),
    resource: names.ref(request.resource),
    facts: names.facts(request.action, request.facts),
    entities: request.entities.map(names.entity),
    given: new Map([...request.given].map(([key, fields]) => givenAfter(key, fields, names, types))),
    mandate:
      request.mandate === undefined
        ? undefined
        : {
            ...request.mandate,
            actions: request.mandate.actions.flatMap(names.actions),
            resources: request.mandate.resources.map(names.ref),
          },
  })
  return {
    names,
    action,
    request: renamed,
    case(policyCase) {
      const { expect } = policyCase
      const reasons = expect.reasons?.flatMap(names.policyIds)
      return {
        ...policyCase,
        ...renamed(policyCase),
        expect: { ...expect, ...(reasons === undefined ? {} : { reasons }) },
      }
    },
  }
}

type Given = PolicyRequest['given'] extends ReadonlyMap<string, infer Fields> ? Fields : never

function givenAfter(
  key: string,
  fields: Given,
  names: NamesAfter,
  types: ReadonlySet<string>,
): readonly [string, Given] {
  const at = endOfType(key, types)
  const type = key.slice(0, at)
  return [`${names.type({ type, id: key.slice(at + 2) })}${key.slice(at)}`, names.attributes(type, fields)]
}

/** Keys are `Type::id`, and ids may have anything: the longest name of a type is meant. */
function endOfType(key: string, types: ReadonlySet<string>): number {
  let end = 0
  for (let at = key.indexOf('::'); at >= 0; at = key.indexOf('::', at + 2)) if (types.has(key.slice(0, at))) end = at
  return end
}

/** For comparing entities, however they are listed. */
export function entityText({ uid, attrs = {}, parents = [], tags = {} }: EntityJson): string {
  const plain = (one: EntityJson['uid']): string => {
    const { type, id } = '__entity' in one ? one.__entity : one
    return `${type}::${id}`
  }
  return JSON.stringify([plain(uid), sorted(attrs), [...new Set(parents.map(plain))].sort(), sorted(tags)])
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => [name, sorted(field)])
}
