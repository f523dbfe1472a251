import type { SchemaInForce } from '../schema-in-force.ts'
import { expandPack, type PackProblem } from './expand-pack.ts'
import type { Pack } from './pack.ts'
import type { DeclaredPack } from './pack-manifest.ts'
import type { Parameter } from './parameter.ts'
import { type StatementChange, statementChanges } from './statement-changes.ts'

/** What becomes of a pack in use with another version of the pack, or with other parameters. */
export interface PackUpgrade {
  readonly instance: string
  readonly pack: string
  readonly from: string
  readonly to: string
  readonly parameters: readonly ParameterChange[]
  readonly statements: readonly StatementChange[]
  /** Why it cannot be done; empty where it can. */
  readonly problems: readonly PackProblem[]
  /** As the manifest would have it. */
  readonly declared: DeclaredPack
}

export interface ParameterChange {
  readonly name: string
  /** Of the parameter, or of the value that it is given: `set`. */
  readonly change: 'added' | 'removed' | 'changed' | 'set'
  /** For a person. */
  readonly text: string
}

/** A value of a parameter, as a manifest writes it. */
export type GivenValue = DeclaredPack['with'][string]

/** Nothing is changed by this. `set` are values that are to be given anew. */
export function planUpgrade(
  before: Pack,
  after: Pack,
  {
    declared,
    set,
    schema,
  }: { readonly declared: DeclaredPack; readonly set: ReadonlyMap<string, GivenValue>; readonly schema: SchemaInForce },
): PackUpgrade {
  // What the new version no longer has is dropped; what it does not know is for the plan to refuse.
  const kept = Object.entries(declared.with).filter(
    ([name]) => after.parameters.has(name) || !before.parameters.has(name),
  )
  const next: DeclaredPack = {
    ...declared,
    version: after.version,
    ...(declared.digest === undefined ? {} : { digest: after.digest }),
    with: Object.fromEntries([...kept, ...set]),
  }
  const was = expandPack(before, declared, schema)
  const is = expandPack(after, next, schema)
  return {
    instance: declared.as,
    pack: after.name,
    from: before.version,
    to: after.version,
    parameters: [...parameterChanges(before, after, set), ...valueChanges(before, declared, set)],
    statements: is.problems.length > 0 ? [] : statementChanges(was.files, is.files),
    problems: is.problems.map((problem) => advised(problem, before, after)),
    declared: next,
  }
}

function parameterChanges(before: Pack, after: Pack, set: ReadonlyMap<string, GivenValue>): readonly ParameterChange[] {
  const changes: ParameterChange[] = []
  for (const [name, parameter] of after.parameters) {
    const known = before.parameters.get(name)
    if (known === undefined) {
      const value = set.get(name) ?? parameter.default
      changes.push({
        name,
        change: 'added',
        text: `${parameter.doc}: ${value === undefined ? 'needed' : JSON.stringify(value)}`,
      })
    } else if (boundsOf(known) !== boundsOf(parameter)) {
      changes.push({ name, change: 'changed', text: `${boundsOf(known)} → ${boundsOf(parameter)}` })
    }
  }
  for (const name of before.parameters.keys()) {
    if (!after.parameters.has(name)) changes.push({ name, change: 'removed', text: 'what it was set to is dropped' })
  }
  return changes
}

function valueChanges(
  { parameters }: Pack,
  declared: DeclaredPack,
  set: ReadonlyMap<string, GivenValue>,
): readonly ParameterChange[] {
  const known = [...set].filter(([name]) => parameters.has(name))
  return known.map(([name, value]) => {
    const before = Object.hasOwn(declared.with, name) ? JSON.stringify(declared.with[name]) : 'not set'
    return { name, change: 'set', text: `${before} → ${JSON.stringify(value)}` }
  })
}

/** All of a parameter but what it says to people. */
export function boundsOf({ doc: _, type, ...bounds }: Parameter): string {
  const parts = Object.entries(bounds).filter(([, bound]) => bound !== undefined)
  return [type, ...parts.map(([name, bound]) => `${name} ${JSON.stringify(bound)}`)].join(', ')
}

function advised(problem: PackProblem, before: Pack, after: Pack): PackProblem {
  const isNew = [...after.parameters].find(
    ([name, parameter]) =>
      !before.parameters.has(name) &&
      parameter.default === undefined &&
      problem.message.startsWith(`\`${name}\` is needed`),
  )
  if (isNew === undefined) return problem
  return { ...problem, message: `${problem.message}; it is new in ${after.version}: say \`--set ${isNew[0]}=…\`` }
}
