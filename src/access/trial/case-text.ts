import { stringify } from 'yaml'
import type { EntityRef } from '../question.ts'
import { MOMENT } from './case-file.ts'
import type { PolicyRequest } from './trial.ts'

/** A request as a case of a file of test cases, with what is expected of it; an item of `cases`. */
export function caseText(
  request: PolicyRequest,
  expected: { readonly name: string; readonly decision: 'allow' | 'deny'; readonly reasons: readonly string[] },
): string {
  const { by, action, resource, facts, call, given, authentication, scope, address, now, mandate } = request
  const fields = {
    name: expected.name,
    by: by.length === 1 ? by[0] : by,
    action,
    resource: refText(resource),
    ...(isEmpty(facts) ? {} : { facts }),
    ...(call === undefined ? {} : { arguments: call.arguments }),
    ...(call === undefined || isEmpty(call.arguments) ? {} : { origin: filled(call.origin) }),
    ...(given.size === 0 ? {} : { given: Object.fromEntries([...given].map(([key, value]) => [keyText(key), value])) }),
    ...(isEmpty(authentication) ? {} : { authentication }),
    ...(scope === undefined ? {} : { scope }),
    ...(address === undefined ? {} : { address }),
    ...(now === Date.parse(MOMENT) ? {} : { at: new Date(now).toISOString() }),
    ...(mandate === undefined ? {} : { mandate: { ...mandate, resources: mandate.resources.map(refText) } }),
    expect: { decision: expected.decision, reasons: expected.reasons },
  }
  return stringify([fields], { lineWidth: 0, collectionStyle: 'any', flowCollectionPadding: true })
}

/** `Shop::Order::"o1"`: a type in a namespace takes quotes. */
export function refText({ type, id }: EntityRef): string {
  return type.includes('::') ? `${type}::"${id}"` : `${type}::${id}`
}

/** Keys are `Type::id` without quotes; which part is the type is seen from capital letters, as in the schema. */
function keyText(key: string): string {
  const [, type = '', id = ''] = /^((?:\w+::)*[A-Z]\w*)::(.*)$/s.exec(key) ?? []
  return type === '' ? key : refText({ type, id })
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0
}

/** Sources that nothing came from are left out. */
function filled(origin: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(origin).filter(([, pointers]) => pointers.length > 0))
}
