import { z } from 'zod'

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
