import { type Context, digestJson, type Json } from '../../kernel/index.ts'
import type { Question } from '../question.ts'

/**
 * What an approval is bound to, as one SHA-256 of canonical JSON (RFC 8785): who asks, on whose behalf and for which
 * named task; the action, the resource and what is stated of it, the arguments as they were sent and where each came
 * from, what else would be done; the policies that ask for the approval, and the revision that they stand in. Whatever
 * else decides (roles, levels, risk, time) is decided again when the approval is used.
 */
export function approvalDigest(
  ctx: Context,
  question: Question,
  asked: { readonly policies: readonly string[]; readonly revision: string },
): string {
  const { caller } = ctx
  return digestJson({
    chain: caller.chain.map(({ kind, id }) => [kind, id]),
    purpose: caller.mandate?.purpose ?? null,
    action: question.action,
    resource: [question.resource.type, question.resource.id],
    ...argumentsOf(question),
    attributes: question.attributes ?? {},
    facts: question.facts ?? {},
    described: question.described ?? null,
    policies: [...asked.policies].sort(),
    revision: asked.revision,
  })
}

function argumentsOf({ call, argumentsDigest }: Question): { readonly [name: string]: Json } {
  // The texts alone do not tell a number from a string that is spelled like it.
  const digest = { argumentsDigest: argumentsDigest ?? null }
  if (call === undefined || call === 'unknown') return digest
  const origin = Object.entries(call.origin).map(([source, pointers]): [string, Json] => [source, [...pointers].sort()])
  return {
    ...digest,
    arguments: { ...call.arguments },
    origin: Object.fromEntries(origin),
  }
}
