import type { EntityJson } from '../cedar/index.ts'
import type { Json } from '../kernel/index.ts'
import type { CallFacts } from './question.ts'

/** The entity whose tags the arguments of a call are. */
export const ARGUMENTS = { type: 'Arguments', id: 'call' } as const

/** The part of the context, and the entity, that describe the arguments of a call to policies. */
export function callFactsFor(call: CallFacts): {
  readonly facts: { readonly [name: string]: Json }
  readonly entity: EntityJson
} {
  const { origin } = call
  const said = new Set(Object.values(origin).flat())
  // What nobody says the origin of, nobody is known to have named.
  const model = [...origin.model, ...Object.keys(call.arguments).filter((pointer) => !said.has(pointer))]
  const suspect = [...origin.untrusted, ...model]
  return {
    facts: {
      arguments: { __entity: ARGUMENTS },
      origin: {
        // A container is as good as the worst of what it holds.
        user: withWholeContainers(origin.user, [...suspect, ...origin.system, ...origin.trusted]),
        system: withWholeContainers(origin.system, [...suspect, ...origin.user, ...origin.trusted]),
        trusted: withWholeContainers(origin.trusted, [...suspect, ...origin.user, ...origin.system]),
        untrusted: withContainers(origin.untrusted),
        model: withContainers(model),
      },
    },
    entity: { uid: ARGUMENTS, attrs: {}, parents: [], tags: { ...call.arguments } },
  }
}

/** `/to/0` also speaks for `/to`, so that a policy about `/to` sees every element of a list. */
function withContainers(pointers: readonly string[]): string[] {
  const all = new Set(pointers)
  for (const pointer of pointers) for (const container of containersOf(pointer)) all.add(container)
  return [...all]
}

function withWholeContainers(pointers: readonly string[], others: readonly string[]): string[] {
  const mixed = new Set(others.flatMap(containersOf))
  return withContainers(pointers).filter((pointer) => !mixed.has(pointer))
}

function containersOf(pointer: string): string[] {
  const containers: string[] = []
  for (let end = pointer.lastIndexOf('/'); end > 0; end = pointer.lastIndexOf('/', end - 1)) {
    containers.push(pointer.slice(0, end))
  }
  return containers
}
