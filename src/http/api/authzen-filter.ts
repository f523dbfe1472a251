import { z } from 'zod'
import type { ColumnMapping } from '../../access/index.ts'
import { digestJson, type Json } from '../../kernel/index.ts'
import type { Asked } from '../ask.ts'
import { HttpError } from '../errors.ts'
import { asking, type Call, type Route } from '../route.ts'
import { authzenAction, authzenEntity, MAX_AUTHZEN_BODY } from './authzen.ts'
import { questionReader } from './authzen-question.ts'
import { readSearch } from './authzen-request.ts'

const name = z.string().min(1).max(1024)
const required = z.boolean().exactOptional()

const column: z.ZodType<ColumnMapping> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.strictObject({
      type: z.enum(['string', 'long', 'bool', 'datetime', 'duration', 'decimal']),
      column: name,
      required,
    }),
    z.strictObject({
      type: z.literal('entity'),
      entity: name,
      column: name,
      required,
      attributes: columns.exactOptional(),
    }),
    z.strictObject({
      type: z.literal('set'),
      element: z.enum(['string', 'long', 'entity']),
      entity: name.exactOptional(),
      column: name,
      required,
    }),
    z.strictObject({ type: z.literal('record'), attributes: columns }),
  ]),
)
const columns: z.ZodType<Readonly<Record<string, ColumnMapping>>> = z.record(name, column)
const uid = z.strictObject({ type: name, id: name })

const sql = z.strictObject({
  dialect: z.enum(['sqlite', 'postgresql']),
  firstParameter: z.number().int().min(1).max(60_000).exactOptional(),
  id: name,
  attributes: columns.exactOptional(),
  tags: columns.exactOptional(),
  parents: z
    .array(z.strictObject({ column: name, type: name }))
    .max(100)
    .exactOptional(),
  within: z.array(uid).max(100).exactOptional(),
})

const body = z.object({
  subject: authzenEntity,
  action: authzenAction,
  resource: z.object({ type: name }),
  context: z.record(z.string(), z.json()).optional(),
  sql: sql.optional(),
})

/** What a resource has to be like for a subject to be allowed: for applications that ask their own database. */
export const authzenFilterRoutes: readonly Route[] = [
  asking({
    method: 'POST',
    path: '/t/:tenant/api/filter',
    summary: 'Say which resources of a type a subject may do an action on, as a condition for SQL',
    action: 'decision:ask',
    body,
    answer: z.object({
      kind: z.enum(['always', 'never', 'some']),
      condition: z.string(),
      sql: z.object({ text: z.string(), parameters: z.array(z.union([z.string(), z.number()])) }).optional(),
      revision: z.string(),
    }),
    maxBody: MAX_AUTHZEN_BODY,
    read: (request) => ({ search: readSearch(request, 'resource'), sql: sqlIn(request) }),
    ask: ({ tenant, ctx, body: { search, sql: wanted } }) => answerFilter(search, wanted, { tenant, ctx }),
  }),
]

type Wanted = z.output<typeof sql>

function sqlIn(request: unknown): Wanted | undefined {
  const parsed = z.object({ sql: sql.optional() }).safeParse(request)
  if (parsed.success) return parsed.data.sql
  const [issue] = parsed.error.issues
  throw new HttpError('body_invalid', `\`${issue?.path.map(String).join('.')}\`: ${issue?.message.toLowerCase()}`)
}

function answerFilter(
  search: ReturnType<typeof readSearch>,
  wanted: Wanted | undefined,
  { tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>,
): Asked {
  const put = questionReader({ tenant, ctx })(search)
  const { action, resource } = put.question
  const revision = tenant.access.revision()
  const {
    kind,
    condition,
    sql: written,
  } = put.ctx === undefined
    ? NOBODY
    : filterOf(tenant, put.ctx, { action, resourceType: resource.type, ...put.statedFor(action) }, wanted)
  const answer = { kind, condition, ...(wanted === undefined ? {} : { sql: written }), revision }
  const chain = (put.asked.chain ?? []).map((link) => ({ ...link }))
  return {
    answer,
    questions: [],
    persons: put.persons,
    target: { filter: resource.type, action, chain, kind, answer: digestJson(answer satisfies Json) },
    reserved: [],
  }
}

const NOBODY = { kind: 'never' as const, condition: 'never', sql: { text: '1 = 0', parameters: [] } }

function filterOf(
  tenant: Call['tenant'],
  ctx: Call['ctx'],
  asked: Parameters<Call['tenant']['access']['filter']>[1],
  wanted: Wanted | undefined,
): { kind: 'always' | 'never' | 'some'; condition: string; sql: { text: string; parameters: (string | number)[] } } {
  const filter = tenant.access.filter(ctx, asked)
  if (wanted === undefined) return { kind: filter.kind, condition: filter.text, sql: NOBODY.sql }
  const { dialect, firstParameter, ...mapping } = wanted
  const isOwn = tenant.access.vocabulary().ownType(asked.resourceType)?.parents.includes('Tenant') === true
  // What an application keeps of a tenant's own types is in the tenant.
  const within = mapping.within ?? (isOwn ? [{ type: 'Tenant', id: tenant.id }] : undefined)
  const { text, parameters } = filter.sql(
    { ...mapping, ...(within === undefined ? {} : { within }) },
    { dialect, ...(firstParameter === undefined ? {} : { firstParameter }) },
  )
  return {
    kind: filter.kind,
    condition: filter.text,
    // JSON has no integers beyond 2^53; databases take them as text.
    sql: { text, parameters: parameters.map((value) => (typeof value === 'bigint' ? String(value) : value)) },
  }
}
