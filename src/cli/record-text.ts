import { z } from 'zod'

const reference = z.object({ kind: z.string(), id: z.string() })
const reason = z.object({ policy: z.string(), principal: z.string() })

const decided = z.object({
  action: z.string(),
  resource: z.object({ type: z.string(), id: z.string() }),
  decision: z.enum(['allow', 'deny']),
  reasons: z.array(reason),
})

/** What of a body is shown; whatever else it holds stands in `--json`. */
const bodySchema = z
  .object({
    chain: z.array(reference),
    ...decided.shape,
    errors: z.array(z.string()),
    revision: z.string(),
    questions: z.array(decided),
    remedy: z.string(),
    of: z.number(),
    status: z.string(),
    httpStatus: z.number(),
    ms: z.number(),
    usage: z.record(z.string(), z.unknown()),
    sources: z.array(z.object({ pointer: z.string(), source: z.string(), trusted: z.boolean() })),
  })
  .partial()

export const recordSchema = z.object({
  index: z.number(),
  kind: z.string(),
  at: z.number(),
  erased: z.boolean(),
  txn: z.string().optional(),
  trace: z.string().optional(),
  outcome: z.object({ status: z.string(), index: z.number().optional() }).optional(),
  body: z.record(z.string(), z.unknown()).optional(),
})

export type RecordJson = z.infer<typeof recordSchema>

/** One line: when, what, who, on what, and how it went. */
export function recordLine(record: RecordJson): string {
  const head = `${String(record.index).padStart(6)}  ${new Date(record.at).toISOString()}  ${record.kind.padEnd(8)}`
  return `${head}  ${summaryOf(record)}`
}

/** What a record says, without its time and number. */
export function summaryOf(record: RecordJson): string {
  if (record.erased) return 'erased'
  const body = bodyOf(record)
  const who = body.chain?.map(({ id }) => id).join(' → ')
  if (record.kind === 'decision') {
    const what = `${body.decision ?? ''} ${body.action ?? ''} ${resourceText(body.resource)}`
    return [who, what, policiesOf(body.reasons ?? [])].filter((part) => part !== undefined && part !== '').join('  ')
  }
  if (record.kind === 'outcome') {
    const usage =
      body.usage === undefined
        ? ''
        : `  ${Object.entries(body.usage)
            .map(([k, v]) => `${k} ${v}`)
            .join(', ')}`
    return `of ${body.of}: ${body.status}${body.httpStatus === undefined ? '' : ` ${body.httpStatus}`} in ${body.ms} ms${usage}`
  }
  if (record.kind === 'token') {
    const { event, client, error, scope, audience } = tokenSchema.parse(record.body ?? {})
    if (error !== undefined) return `${event} ${client}: ${error}`
    return `${event} ${client}  ${scope.join(' ')} for ${audience ?? 'nobody'}`
  }
  return JSON.stringify(record.body)
}

const tokenSchema = z.object({
  event: z.string().default(''),
  client: z.string().default(''),
  error: z.string().optional(),
  scope: z.array(z.string()).default([]),
  audience: z.string().optional(),
})

/** All that a person asks of one record: several lines, indented. */
export function recordText(record: RecordJson): string {
  const lines = [recordLine(record)]
  const body = bodyOf(record)
  for (const question of body.questions ?? []) {
    lines.push(
      `          ${question.decision} ${question.action} ${resourceText(question.resource)}  ${policiesOf(question.reasons)}`,
    )
  }
  for (const { pointer, source, trusted } of body.sources ?? []) {
    lines.push(
      `          ${pointer} came from ${source}${source.startsWith('tool:') ? (trusted ? ' (trusted)' : ' (untrusted)') : ''}`,
    )
  }
  for (const error of body.errors ?? []) lines.push(`          could not be evaluated: ${error}`)
  if (body.remedy !== undefined) lines.push(`          remedy: ${body.remedy}`)
  if (record.kind === 'decision') {
    lines.push(
      `          txn ${record.txn}  policy revision ${body.revision}  outcome ${record.outcome?.status ?? 'none'}`,
    )
  }
  return lines.join('\n')
}

function bodyOf(record: RecordJson): z.infer<typeof bodySchema> {
  const parsed = bodySchema.safeParse(record.body ?? {})
  return parsed.success ? parsed.data : {}
}

function resourceText(resource: { readonly type: string; readonly id: string } | undefined): string {
  return resource === undefined ? '' : `${resource.type}::${resource.id}`
}

function policiesOf(reasons: readonly { readonly policy: string }[]): string {
  const ids = [...new Set(reasons.map(({ policy }) => policy))]
  return ids.length === 0 ? '' : `[${ids.join(', ')}]`
}
