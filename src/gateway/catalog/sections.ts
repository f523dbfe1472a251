import { z } from 'zod'
import type { Sections } from '../../identity/index.ts'
import { isRefusedAddress } from '../forwarding/public-lookup.ts'

const ID = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/
// Vendors name models like paths and versions: `meta-llama/Llama-3.1-8B`, `qwen2.5:7b`.
const MODEL_ID = /^[A-Za-z0-9](?:[A-Za-z0-9._:/@-]{0,198}[A-Za-z0-9])?$/
// INVARIANT: no other variable of the process can be read through a manifest: who may apply one could otherwise send
// any of them to a server of his own.
const VARIABLE = /^SALLYPORT_(?:[A-Z0-9]+_)*UPSTREAM_[A-Z0-9_]+$/

const id = z
  .string()
  .regex(ID, 'must be 1 to 128 letters, digits, `.`, `_` or `-`, first and last a letter or digit')
  .refine((name) => name !== 'local', '`local` stands for the tools that clients run themselves')
const modelId = z.string().regex(MODEL_ID, 'must be 1 to 200 letters, digits or any of `._:/@-`')
const pointer = z.string().regex(/^(?:\/(?:[^~/]|~[01])*)+$/, 'must be a JSON pointer such as `/to`')
const milliseconds = z.number().int().min(1).max(86_400_000)

const credential = z.union([
  z.strictObject({
    env: z.string().regex(VARIABLE, 'must be named `SALLYPORT_UPSTREAM_…` or `SALLYPORT_…_UPSTREAM_…`'),
  }),
  z.strictObject({ value: z.string().min(1).max(8192) }),
])

const upstream = z.strictObject({
  kind: z.enum(['openai', 'anthropic', 'mcp']),
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https url' })
    .refine((text) => !/[?#]/.test(text), 'must have no query and no fragment')
    .refine((text) => {
      const url = URL.parse(text)
      return url === null || (url.username === '' && url.password === '')
    }, 'must hold no credential: use `credential`')
    .refine((text) => !isRefusedAddress(URL.parse(text)?.hostname ?? ''), 'is an address where no upstream can be')
    .transform((text) => text.replace(/\/+$/, '')),
  credential: credential.optional(),
  timeouts: z
    .strictObject({
      connect: milliseconds.optional(),
      firstByte: milliseconds.optional(),
      idle: milliseconds.optional(),
    })
    .optional(),
  trusted: z.boolean().optional(),
  acceptFirst: z.boolean().optional(),
  tools: z
    .record(z.string().min(1).max(200), z.strictObject({ guarded: z.array(pointer).max(50).optional() }))
    .optional(),
})

const model = z.strictObject({
  upstream: id,
  /** As the upstream names it; the same as here where it is left out. */
  upstreamModel: z.string().min(1).max(200).optional(),
  /** Money for a million tokens, for budgets of money. */
  price: z
    .strictObject({
      currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, as in `EUR`'),
      input: z.number().min(0).max(1_000_000),
      output: z.number().min(0).max(1_000_000),
    })
    .exactOptional(),
})

/** The sections of a manifest that the catalogue takes; each is a map by id. */
export const catalogSections = {
  upstreams: z.record(id, upstream),
  models: z.record(modelId, model),
}

export type CatalogManifest = Sections<typeof catalogSections>
export type UpstreamSection = z.output<typeof upstream>
export type ModelSection = z.output<typeof model>
