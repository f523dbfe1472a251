import { z } from 'zod'
import type { DecisionBody, OutcomeBody, RecordKind } from './record.ts'

// What stands in the bodies of records, for readers of records and for docs/reference/records.md. Appending does not
// run it: the types say the same, and a request would pay for it twice.

const object = z.record(z.string(), z.json())
const resource = z.object({ type: z.string(), id: z.string() })
const reason = z.object({
  policy: z.string().describe('id of the policy'),
  principal: z.string().describe('id of the principal of the chain that it was decided for'),
})
const decidedOn = {
  state: z
    .number()
    .int()
    .optional()
    .describe('version of what was looked at in memory: people, roles, resources, lists'),
  arguments: z
    .record(z.string(), z.string())
    .optional()
    .describe('by JSON pointer, the values of those arguments of the call that policies in force can read'),
  stated: object
    .optional()
    .describe(
      '`attributes` and `entities` that came with the question; `listing`: any arguments; `proposed`: by a model',
    ),
  withheld: z.enum(['limit', 'approval']).optional().describe('on a denial, what alone stood in the way'),
  approval: z.string().optional().describe('id of the approval that the allowance rests on'),
  unreplayable: z.string().optional().describe('why it cannot be decided again, where that is known beforehand'),
}
const verdict = z
  .enum(['allow', 'deny', 'observed-deny'])
  .describe('`observed-deny`: it would have been denied, and went on because denials are only observed there')
const observed = z
  .object({
    by: z.array(z.string()).describe('the modes by which it went on, as in `tenant` or `layer:agent:scout`'),
    at: z.array(z.string()).describe('where it stood: projects of the resource, the gate, the upstream'),
  })
  .describe('with `observed-deny`, why it was not refused')
const question = z.object({
  chain: z
    .array(z.object({ kind: z.string(), id: z.string() }))
    .optional()
    .describe('who was asked about, if somebody else'),
  action: z.string(),
  resource,
  decision: verdict,
  observed: observed.optional(),
  reasons: z.array(reason),
  ...decidedOn,
  errors: z.array(z.string()).optional(),
  revision: z.string().optional().describe('where it is not that of the record'),
  undecided: z.boolean().optional().describe('true where it could not be decided'),
  context: object
    .optional()
    .describe('what differs from the question before it, or from the record; what it lacks is null'),
  argumentsDigest: z.string().optional(),
  resourceState: object.optional(),
})

const reasoning = z.string().max(4096).optional()

const chain = z.array(z.object({ kind: z.enum(['User', 'Service', 'Agent', 'Device']), id: z.string() }))
const authentication = z.looseObject({ method: z.string(), at: z.number() })

/**
 * Version 1 of the bodies, by kind of record. What a `change` or an `alert` says beyond these fields depends on its
 * `operation` or `alert`.
 */
export const bodySchemas = {
  decision: z.object({
    chain: chain.min(1).describe('from the subject, on whose behalf, to the actor that made the request'),
    delegation: z.string().optional().describe('id of the delegation record that the chain was taken from'),
    mandate: object.optional().describe('what the subject allowed the agents to do, and what that was narrowed from'),
    credential: z.string().describe('`jti` of the access token, or the id of the gateway key'),
    authentication: z
      .object({ method: z.string(), at: z.number() })
      .describe('how the caller proved who it is, and when (milliseconds since the epoch)'),
    action: z.string().describe('`noun:verb`'),
    resource: resource.describe('what the action is on'),
    resourceState: object.optional().describe('version or digest, classification and availability of the resource'),
    context: object.describe('the facts that it was decided on'),
    permissions: object
      .optional()
      .describe('by principal of the chain: attributes such as its level, `in` what it belongs to, and its `roles`'),
    decision: verdict,
    observed: observed.optional(),
    reasons: z.array(reason).describe('the policies that decided'),
    errors: z.array(z.string()).describe('policies that could not be evaluated, and why'),
    revision: z.string().describe('content address of the policies in force: 64 hex digits'),
    argumentsDigest: z.string().optional().describe('of the arguments of the call'),
    origin: object.optional().describe('where each argument came from'),
    obligations: z.json().optional().describe('what the allowance was bound to'),
    advice: z.json().optional().describe('on a denial, what would help, for programs'),
    ...decidedOn,
    remedy: z.string().optional().describe('on a denial, what the caller was told would help'),
    operation: z.string().optional().describe('which operation, in administration'),
    target: object.optional().describe('what the operation was on, in administration'),
    reasoning: reasoning.describe(
      'what the agent gave as its reasons, in the header `Sallyport-Reasoning` or, for MCP, in `_meta` under `io.sallyport/reasoning`; of tool calls that a model wants to make, what the model wrote of its thinking; at most 4096 characters',
    ),
    questions: z.array(question).optional().describe('the single decisions, where one request asked for several'),
    answered: z
      .boolean()
      .optional()
      .describe('true where the decisions were all that was asked for: no outcome follows'),
  }),
  outcome: z.object({
    of: z.number().int().nonnegative().describe('index of the decision'),
    status: z.string().describe('`ok`, `client_error`, `upstream_error`, `cancelled`, `cut` or `unknown`'),
    httpStatus: z.number().int().optional().describe('what the upstream answered'),
    usage: object.optional().describe('tokens and the like'),
    ms: z.number().describe('from the decision to the end of the answer'),
    reasoning: reasoning.describe(
      'what the model wrote of its thinking, where no decision on its answer has it; at most 4096 characters',
    ),
    questions: z.array(question).optional().describe('what was decided on the answer, such as the tool calls in it'),
    detail: object.optional(),
  }),
  signin: z.looseObject({
    event: z.string().describe('`signin`, `signout` or `refused`'),
    principal: z.string().describe('id of the person'),
    authentication: authentication.optional().describe('how the person proved who they are, and when'),
    error: z.string().optional().describe('why it was refused'),
  }),
  token: z.looseObject({
    event: z.string().describe('`issued`, `exchanged`, `revoked` or `refused`'),
    client: z.string().describe('id of the client that asked for it'),
    error: z.string().optional().describe('why it was refused'),
    unrecorded: z.number().optional().describe('refusals of the last minute that are not on record one by one'),
    token: z.string().optional().describe('its `jti`'),
    chain: chain.optional().describe('from the subject to the actor'),
    delegation: z.string().optional().describe('id of the delegation record'),
    scope: z.array(z.string()).optional().describe('what it allows at most'),
    audience: z.string().optional().describe('where it can be used'),
    authentication: z.string().optional().describe('how the client proved who it is'),
    expiresAt: z.number().optional().describe('milliseconds since the epoch'),
  }),
  change: z.looseObject({
    operation: z
      .string()
      .optional()
      .describe(
        '`retention`, `log:forget`, `log:continue` or `policy:shadow`: what Sallyport did, or was ordered to do',
      ),
    what: z.string().optional().describe('`access-request`: what has ended by the clock'),
    person: z.string().optional().describe('whom `log:forget` is about'),
    by: z.array(z.string()).optional().describe('ids of the chain that ordered it'),
    rules: object.optional().describe('the rules of `retention` that were applied'),
    records: z.number().optional().describe('how many bodies were destroyed'),
    from: z.string().optional().describe('with `log:continue`, the name that the log signed under'),
    to: z.string().optional().describe('with `log:continue`, the name that it signs under from this record on'),
    size: z.number().optional().describe('with `log:continue`, how many records were there'),
    after: z.string().optional().describe('with `log:continue`, the last checkpoint known of what came before'),
    lost: z.number().optional().describe('with `log:continue`, how many signed records are gone, as far as is known'),
    witnesses: z.array(object).optional().describe('with `log:continue`, what witnesses said that they had cosigned'),
    reason: z.string().optional().describe('with `log:continue`, what the operator gave as the reason'),
    candidate: z.string().optional().describe('with `policy:shadow`, the content address of the candidate'),
    differences: z
      .array(object)
      .optional()
      .describe('with `policy:shadow`, which records the candidate decides otherwise, and by which policies'),
    more: z.number().optional().describe('with `policy:shadow`, differences that are not listed'),
  }),
  alert: z.looseObject({
    alert: z.string().describe('`tool_quarantined` or `limit_used`: what has happened'),
    title: z.string().optional().describe('a sentence for a person'),
    severity: z.enum(['low', 'medium', 'high']).optional().describe('`medium` without it'),
    chain: chain.optional().describe('whose request brought it about'),
    server: z.string().optional().describe('with `tool_quarantined`, the tool server'),
    tools: z.array(object).optional().describe('with `tool_quarantined`, names and digests'),
    limit: z.string().optional().describe('with `limit_used`, the statement that limits'),
    allowance: z.string().optional().describe('with `limit_used`, as in `50000 tokens/day`'),
    share: z.number().optional().describe('with `limit_used`, in percent'),
  }),
} as const

// The schema and the types must not drift apart: what a type names and the schema does not fails here.
const NAMES: Readonly<Record<RecordKind, Readonly<Record<string, unknown>>>> & {
  readonly decision: Record<keyof DecisionBody, unknown>
  readonly outcome: Record<keyof OutcomeBody, unknown>
} = {
  decision: bodySchemas.decision.shape,
  outcome: bodySchemas.outcome.shape,
  signin: bodySchemas.signin.shape,
  token: bodySchemas.token.shape,
  change: bodySchemas.change.shape,
  alert: bodySchemas.alert.shape,
}

/** docs/reference/records.md, made from the schema. */
export function recordsReference(): string {
  const sections = Object.entries(NAMES).map(([kind, shape]) => {
    const rows = Object.entries(shape).map(([name, field]) => fieldRow(name, field))
    return `## ${kind}\n\n| field | type | |\n|---|---|---|\n${rows.join('\n')}\n`
  })
  return `${HEAD}\n${sections.join('\n')}`
}

const HEAD = `# Records

Made from \`src/audit/record-schema.ts\`; a test keeps the two the same. This is version 1 of the bodies; the version
stands in each record's leaf.

Every record has an \`index\`, a \`kind\`, the \`tenant\`, the request's \`txn\` and \`trace\`, and \`at\` (milliseconds since
the epoch), and a body by its kind. \`signin\`, \`token\`, \`change\` and \`alert\` may hold more than stands here. In every
kind \`chain\`, \`principal\`, \`action\`, \`resource\`, \`decision\` and \`reasons\` can be searched for as in a decision, and
the words of all texts in full text, except for \`argumentsDigest\` and \`revision\`. A decision also reads an \`outcome\`: the status and index of its outcome record, \`pending\` while
the request runs, or \`unknown\` where the process ended before there was one. A record that was forgotten has
\`erased: true\`, and nothing of its body.

The leaf, which is all that the public part of the log shows, has 49 bytes, numbers big-endian:

| bytes | |
|---|---|
| 1 | 1, the format of the leaf |
| 1 | kind: 0 decision, 1 outcome, 2 signin, 3 token, 4 change, 5 alert |
| 1 | version of the body |
| 6 | \`at\` |
| 8 | index of the decision, for an outcome; otherwise all ones |
| 32 | SHA-256 of a secret salt (32 bytes) and the text \`txn\`, newline, \`trace\`, newline, body in JSON |
`

function fieldRow(name: string, field: unknown): string {
  const optional = field instanceof z.ZodOptional ? ', optional' : ''
  const description = field instanceof z.ZodType ? (field.description ?? '') : ''
  return `| \`${name}\`${optional} | ${typeName(field)} | ${description} |`
}

function typeName(schema: unknown): string {
  if (schema instanceof z.ZodOptional) return typeName(schema.unwrap())
  if (schema instanceof z.ZodEnum) return schema.options.map((option) => `\`${option}\``).join(' or ')
  if (schema instanceof z.ZodArray) return 'list'
  if (schema instanceof z.ZodString) return 'text'
  if (schema instanceof z.ZodNumber) return 'number'
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return 'object'
  return 'JSON'
}
