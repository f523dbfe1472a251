import { z } from 'zod'
import { oneLine } from './visible.ts'

const reference = z.object({ kind: z.string(), id: z.string() })
const reason = z.object({ policy: z.string(), principal: z.string() })

const decided = z.object({
  action: z.string(),
  resource: z.object({ type: z.string(), id: z.string() }),
  decision: z.enum(['allow', 'deny', 'observed-deny']),
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
    detail: z.looseObject({ method: z.string().optional() }),
    origin: z.record(z.string(), z.object({ source: z.string(), trusted: z.boolean() })),
  })
  .partial()

export const recordSchema = z.object({
  index: z.number(),
  kind: z.string(),
  at: z.number(),
  erased: z.boolean(),
  withheld: z.boolean().optional(),
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
  if (record.withheld === true) return 'withheld: its body takes `log:read_body`'
  const end = endOf(record)
  if (end !== undefined) return `of ${bodyOf(record).of}: ${end}`
  const { chain, text } = headOf(record)
  return record.kind === 'decision' && chain.length > 0 ? `${chain.join(' → ')}  ${text}` : text
}

/** What was asked and how it was decided, and by whom it was asked: ids from the subject to the actor. */
export function headOf(record: RecordJson): { readonly chain: readonly string[]; readonly text: string } {
  const { chain, text } = rawHeadOf(record)
  return { chain: chain.map(oneLine), text: oneLine(text) }
}

function rawHeadOf(record: RecordJson): { readonly chain: readonly string[]; readonly text: string } {
  if (record.erased) return { chain: [], text: 'erased' }
  const body = bodyOf(record)
  const chain = body.chain?.map(({ id }) => id) ?? []
  if (record.kind === 'decision') {
    const method = body.detail?.method === undefined ? '' : ` (${body.detail.method})`
    const what = `${body.decision ?? ''} ${body.action ?? ''} ${resourceText(body.resource)}${method}`
    return { chain, text: [what, policiesOf(body.reasons ?? [])].filter((part) => part !== '').join('  ') }
  }
  if (record.kind === 'token') {
    const { event, client, error, scope, audience } = tokenSchema.parse(record.body ?? {})
    const text = error ?? `token ${event} for ${client}: ${scope.join(' ')} at ${audience ?? 'nowhere'}`
    return { chain, text: error === undefined ? text : `token ${event} for ${client}: ${error}` }
  }
  return { chain, text: JSON.stringify(record.body) }
}

/** How a request ended, for the record of an outcome. */
export function endOf(record: RecordJson): string | undefined {
  if (record.kind !== 'outcome' || record.erased) return undefined
  const { status, httpStatus, ms, usage } = bodyOf(record)
  const spent = Object.entries(usage ?? {}).map(([name, value]) => `, ${name} ${value}`)
  return oneLine(`${status}${httpStatus === undefined ? '' : ` ${httpStatus}`} in ${ms} ms${spent.join('')}`)
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
  const details = [...detailsOf(record)]
  if (record.kind === 'decision') {
    const { revision } = bodyOf(record)
    details.push(
      `txn ${record.txn}  policy revision ${String(revision).slice(0, 12)}  outcome ${record.outcome?.status ?? 'none'}`,
    )
  }
  return [recordLine(record), ...details.map((detail) => `          ${detail}`)].join('\n')
}

/** What decided: the questions of a request that put several, where the values came from, what would help. */
export function detailsOf(record: RecordJson): readonly string[] {
  const { questions, origin, errors, remedy } = bodyOf(record)
  return [
    ...(questions ?? []).map((asked) => {
      return `${asked.decision} ${asked.action} ${resourceText(asked.resource)}  ${policiesOf(asked.reasons)}`
    }),
    ...Object.entries(origin ?? {}).map(([pointer, { source, trusted }]) => {
      const trust = source.startsWith('tool:') ? (trusted ? ' (trusted)' : ' (untrusted)') : ''
      return `${pointer} came from ${source}${trust}`
    }),
    ...(errors ?? []).map((error) => `could not be evaluated: ${error}`),
    ...(remedy === undefined ? [] : [`remedy: ${remedy}`]),
  ].map(oneLine)
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
