import { z } from 'zod'
import type { Sections } from '../../identity/index.ts'
import { RECORD_KINDS } from '../record.ts'

const ID = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/
// INVARIANT: no other variable of the process can be read through a manifest: who may apply one could otherwise send
// any of them to a server of his own.
const VARIABLE = /^SALLYPORT_(?:[A-Z0-9]+_)*EXPORT_[A-Z0-9_]+$/
// One name, or several with `/` between; never `..`, never from the root.
const PATH = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,4}$/

const id = z.string().regex(ID, 'must be 1 to 128 letters, digits, `.`, `_` or `-`, first and last a letter or digit')

const credential = z.union([
  z.strictObject({
    env: z.string().regex(VARIABLE, 'must be named `SALLYPORT_EXPORT_…` or `SALLYPORT_…_EXPORT_…`'),
  }),
  z.strictObject({ value: z.string().min(16, 'must have 16 characters or more').max(8192) }),
])

const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https url' })
  .refine((text) => !text.includes('#'), 'must have no fragment')
  .refine((text) => {
    const parsed = URL.parse(text)
    return parsed === null || (parsed.username === '' && parsed.password === '')
  }, 'must hold no credential: use `credential`')

/** Which records go to a target; everything given must hold, each list by one of its entries. */
const filter = z.strictObject({
  kinds: z.array(z.enum(RECORD_KINDS)).min(1).optional(),
  decision: z.enum(['allow', 'deny', 'observed-deny']).optional(),
  actions: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
  principals: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
})

const common = {
  filter: filter.optional(),
  /** Where a new target begins: with the first record of the log, or with the first from now on. */
  from: z.enum(['start', 'now']).optional(),
  /** A target that is switched off keeps its place in the log. */
  enabled: z.boolean().optional(),
}
/** Milliseconds until an answer has to be there. */
const timeout = z.number().int().min(10).max(300_000).optional()

const target = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ocsf-file'),
    path: z.string().regex(PATH, 'must be a path below the directory of exports, such as `siem/events.jsonl`'),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('otlp'),
    url,
    credential: credential.optional(),
    /** The header that carries the credential, as it is; `Authorization: Bearer …` where it is left out. */
    header: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'must be the name of a header')
      .optional(),
    timeout,
    ...common,
  }),
  z.strictObject({ kind: z.literal('webhook'), url, credential: credential.optional(), timeout, ...common }),
])

/** The section of a manifest that says where records are exported to: a map by id. */
export const exportSections = { exports: z.record(id, target) }

export type ExportManifest = Sections<typeof exportSections>
export type ExportSection = z.output<typeof target>
