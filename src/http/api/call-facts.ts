import { z } from 'zod'
import type { CallFacts } from '../../access/index.ts'

// A pointer also speaks for everything that it lies in, so that long ones would cost their square.
const pointer = z.string().max(1024)
const pointers = z.array(pointer).max(1000).default([])

/** The arguments of a call that somebody asks about: text by JSON pointer. */
export const callArguments = z
  .record(pointer, z.string())
  .refine((given) => Object.keys(given).length <= 1000, 'too many arguments')

/** Where they came from, as the caller says: JSON pointers. */
export const originShape = {
  user: pointers,
  system: pointers,
  trusted: pointers,
  untrusted: pointers,
  model: pointers,
}

const stated = z.object({
  arguments: callArguments.default({}),
  origin: z.object(originShape).optional(),
})

/** What the context of an AuthZEN request says of a call; undefined where it says nothing that can be read. */
export function callFactsIn(context: object | undefined): CallFacts | undefined {
  const call = stated.safeParse(context ?? {})
  if (!call.success) return undefined
  // Where the enforcement point does not say where a value came from, nobody is known to have named it.
  const unknown = { user: [], system: [], trusted: [], untrusted: [], model: Object.keys(call.data.arguments) }
  return { arguments: call.data.arguments, origin: call.data.origin ?? unknown }
}
