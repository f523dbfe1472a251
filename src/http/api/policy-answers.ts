import { z } from 'zod'
import { type Activation, layerKey, REVISION_STATES, type Revision } from '../../access/index.ts'
import type { PrincipalRef } from '../../kernel/index.ts'

const chain = z.array(z.object({ kind: z.string(), id: z.string() }))
const digest = z.string().meta({ description: 'SHA-256, 64 hex digits' })

export const fileAnswer = z.object({ name: z.string(), as: z.string(), text: z.string() })
export const policyFileAnswer = z.looseObject({ name: z.string(), text: z.string() })

export const revisionAnswer = z.object({
  revision: digest,
  layer: z.string(),
  state: z.enum(REVISION_STATES),
  message: z.string(),
  author: chain.meta({ description: 'who pushed it last, from the subject to the actor' }),
  parent: digest.optional().meta({ description: 'what was active when it was pushed' }),
  bytes: z.number(),
  pushedAt: z.string(),
  activatedAt: z.string().optional(),
  evidence: z.array(
    z.object({
      kind: z.string(),
      result: z.enum(['passed', 'failed']),
      at: z.string(),
      by: z.string(),
      whole: z.string().meta({ description: 'content address of the policies that it was found of' }),
      counts: z.record(z.string(), z.number()),
      digest: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
})

export const activationAnswer = z.object({
  id: z.number(),
  kind: z.enum(['activate', 'rollback', 'apply']),
  layer: z.string(),
  revision: digest,
  before: digest.optional(),
  whole: digest,
  by: chain,
  message: z.string(),
  at: z.string(),
})

export function revisionOf(revision: Revision): z.output<typeof revisionAnswer> {
  const { address, layer, state, message, author, parent, bytes, pushedAt, activatedAt, evidence } = revision
  return {
    revision: address,
    layer: layerKey(layer),
    state,
    message,
    author: author.map(plain),
    ...(parent === undefined ? {} : { parent }),
    bytes,
    pushedAt: timeText(pushedAt),
    ...(activatedAt === undefined ? {} : { activatedAt: timeText(activatedAt) }),
    evidence: evidence.map(({ at, counts, ...rest }) => ({ ...rest, at: timeText(at), counts: { ...counts } })),
  }
}

export function activationOf(activation: Activation): z.output<typeof activationAnswer> {
  const { id, kind, layer, revision, before, whole, by, message, at } = activation
  return {
    id,
    kind,
    layer: layerKey(layer),
    revision,
    ...(before === undefined ? {} : { before }),
    whole,
    by: by.map(plain),
    message,
    at: timeText(at),
  }
}

function plain({ kind, id }: PrincipalRef): { readonly kind: string; readonly id: string } {
  return { kind, id }
}

function timeText(at: number): string {
  return new Date(at).toISOString()
}
