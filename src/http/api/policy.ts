import { z } from 'zod'
import {
  AccessError,
  type Activation,
  type DecidedRevision,
  type Layer,
  layerKey,
  type PolicyFile,
  packUse,
  parseLayerKey,
  type Revision,
  revisionAddress,
  revisionQuestion,
  shortAddress,
  type TestFile,
} from '../../access/index.ts'
import type { Context, Json } from '../../kernel/index.ts'
import { administer, describedAs } from '../administration.ts'
import { type Call, type Decided, type Deciding, type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'
import {
  activationAnswer,
  activationOf,
  fileAnswer,
  policyFileAnswer,
  revisionAnswer,
  revisionOf,
} from './policy-answers.ts'
import { policyLockOut } from './policy-lock-out.ts'

const address = z.string().regex(/^[0-9a-f]{4,64}$/, 'must be the first 4 to 64 hex digits of a revision')
const message = z.string().trim().min(1).max(1000)
const layer = z
  .string()
  .max(160)
  .transform((text, ctx): Layer => {
    const parsed = parseLayerKey(text)
    if (parsed !== undefined && parsed.kind !== 'foundation') return parsed
    ctx.addIssue({ code: 'custom', message: 'must be `tenant`, `project/ID`, `agent/ID` or `agent-type/ID`' })
    return z.NEVER
  })
const oneLayer = z.strictObject({ layer: layer.optional() })
const page = { limit: z.coerce.number().int().min(1).max(200).default(50) }

/** Policies as they were, are, and may come to be. */
export const policyRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy',
    summary: 'Say which revision is active in each layer, and what a revision needs to come in force',
    action: 'policy:read',
    on: { types: ['Project'], find: ({ query }) => projectIn(query) },
    query: oneLayer,
    answer: z.object({
      whole: z.string().meta({ description: 'content address of all that decides: `revision` of decisions' }),
      require: z.array(z.string()),
      layers: z.array(z.object({ layer: z.string(), activation: activationAnswer, revision: revisionAnswer })),
    }),
    handle: async ({ tenant, query }) => {
      const { revisions, whole } = tenant.revisions.active()
      const wanted = query.layer === undefined ? undefined : layerKey(query.layer)
      const layers = [...revisions].filter(([key]) => wanted === undefined || key === wanted).sort()
      return {
        whole,
        require: await tenant.revisions.required(),
        layers: await Promise.all(layers.map(([key, active]) => activeAnswer(tenant, key, active))),
      }
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy/revisions',
    summary: 'List revisions, newest first',
    action: 'policy:read',
    on: { types: ['Project'], find: ({ query }) => projectIn(query) },
    query: oneLayer.extend({ ...page, before: address.length(64).optional() }),
    answer: z.object({ revisions: z.array(revisionAnswer), before: z.string().optional() }),
    handle: async ({ tenant, query }) => {
      const { layer: only, before, limit } = query
      const found = await tenant.revisions.list({ layer: only, before, limit })
      const last = found.at(-1)
      return {
        revisions: found.map(revisionOf),
        ...(found.length < limit || last === undefined ? {} : { before: last.address }),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/policy/revisions',
    summary: 'Keep files as a revision of a layer, and find out what is wrong with it; nothing comes in force',
    action: 'policy:push',
    body: z.strictObject({
      layer: layer.default({ kind: 'tenant' }),
      message,
      files: z
        .array(
          z.strictObject({
            name: z.string().max(1024),
            text: z.string().max(8_388_608),
            as: z.enum(['grants', 'ceiling', 'limits', 'schema', 'tests', 'setting']).default('grants'),
            pack: packUse.exactOptional(),
          }),
        )
        .max(1000),
      parent: address.length(64).nullable().optional().meta({
        description: 'what it was made from; refused where something else is active. null: nothing',
      }),
    }),
    answer: revisionAnswer,
    decide: async ({ tenant, ctx, body, described }) => {
      const pushed = body as PushedBody // as the schema above has made it
      const files = filesFor(pushed)
      const authors = ctx.caller.chain.filter(({ kind }) => kind === 'User').map(({ id }) => id)
      const decided = { address: revisionAddress(pushed.layer, files), layer: pushed.layer, authors }
      return decideOn(tenant, ctx, 'policy:push', decided, described)
    },
    handle: async ({ tenant, ctx, body, note }) => {
      const { layer: into, message: said, parent } = body
      const pushed = { layer: into, files: filesFor(body), message: said, by: ctx.caller.chain }
      const revision = await tenant.revisions.push({ ...pushed, ...(parent === undefined ? {} : { parent }) })
      note({ revision: revision.address, layer: layerKey(into), state: revision.state, message: said })
      return revisionOf(revision)
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy/revisions/:revision',
    summary: 'Read a revision with its files',
    action: 'policy:read',
    decide: decideOnNamed,
    answer: revisionAnswer.extend({ files: z.array(fileAnswer) }),
    handle: async ({ tenant, ctx, params }) => {
      const [{ address: named }] = await decidedFor(ctx, async () => [
        await tenant.revisions.find(params.revision ?? ''),
      ])
      const revision = await tenant.revisions.find(named)
      const { policies, tests } = await tenant.revisions.files(revision.address)
      const files = [...policies, ...tests].map(({ name, text, as = 'grants' }) => ({ name, as, text }))
      return { ...revisionOf(revision), files }
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy/revisions/:revision/whole',
    summary: 'Read all the policies that would decide together if a revision were active',
    action: 'policy:read',
    answer: z.object({ revisions: z.record(z.string(), z.string()), files: z.array(policyFileAnswer) }),
    handle: async ({ tenant, params }) => {
      const { address: named } = await tenant.revisions.find(params.revision ?? '')
      const { files, revisions } = await tenant.revisions.supposing([named])
      return { revisions: Object.fromEntries(revisions), files }
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy/wholes/:whole',
    summary: 'Say which revisions made the decisions that name this address',
    action: 'policy:read',
    answer: z.object({ whole: z.string(), revisions: z.record(z.string(), z.string()) }),
    handle: async ({ tenant, params }) => {
      const whole = await tenant.revisions.whole(params.whole ?? '')
      if (whole === undefined) throw new AccessError('revision_unknown', 'nothing was ever decided by these policies')
      return { whole: whole.address, revisions: Object.fromEntries(whole.revisions) }
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy/activations',
    summary: 'List what came in force when, newest first',
    action: 'policy:read',
    on: { types: ['Project'], find: ({ query }) => projectIn(query) },
    query: oneLayer.extend({ ...page, before: z.coerce.number().int().min(1).optional() }),
    answer: z.object({ activations: z.array(activationAnswer), before: z.number().optional() }),
    handle: async ({ tenant, query }) => {
      const { layer: only, before, limit } = query
      const found = await tenant.revisions.activations({ layer: only, before, limit })
      const last = found.at(-1)
      return {
        activations: found.map(activationOf),
        ...(found.length < limit || last === undefined ? {} : { before: last.id }),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/policy/activations',
    summary: 'Bring revisions in force, all or none; they decide from the next request on',
    action: 'policy:activate',
    body: z.strictObject({
      revisions: z.array(address).min(1).max(20),
      message: message.optional(),
      lockOut: z.boolean().default(false),
    }),
    answer: z.object({ whole: z.string(), activations: z.array(activationAnswer) }),
    decide: async ({ tenant, ctx, body }) => {
      const { revisions, lockOut } = body as { readonly revisions: readonly string[]; readonly lockOut: boolean } // as the schema above has made it
      return decideOnChange(tenant, ctx, lockOut, () => Promise.all(revisions.map((one) => tenant.revisions.find(one))))
    },
    handle: async (call) => {
      const { tenant, ctx, body } = call
      const found = await decidedFor(ctx, () => Promise.all(body.revisions.map((one) => tenant.revisions.find(one))))
      const said = body.message ?? found.map((one) => ('message' in one ? one.message : '')).join('; ')
      const addresses = found.map((one) => one.address)
      const activate = async () =>
        inForce(call, await tenant.revisions.activate(addresses, askedBy(call, said.slice(0, 1000))))
      // Each of them is an action of its own, within the one before: what comes of one comes of all.
      const within = found.slice(1).reduceRight<() => Promise<unknown>>((act, revision) => {
        const summary = 'policies come in force together with others'
        const described = boundTo(found, body.lockOut)
        const decide = (): Promise<Decided> => decideOn(tenant, ctx, 'policy:activate', revision, described)
        const operation = { action: 'policy:activate', summary, target: { revision: revision.address }, decide }
        return async () => (await administer(tenant, ctx, operation, act)).answer
      }, activate)
      return within()
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/policy/rollback',
    summary: 'Bring back what was active in a layer before, or a revision that once was',
    action: 'policy:activate',
    body: z.strictObject({
      layer: layer.default({ kind: 'tenant' }),
      to: address.optional(),
      message: message.default('rolled back'),
      lockOut: z.boolean().default(false),
    }),
    answer: z.object({ whole: z.string(), activations: z.array(activationAnswer) }),
    decide: async ({ tenant, ctx, body }) => {
      const { layer: of, to, lockOut } = body as RollbackBody // as the schema above has made it
      return decideOnChange(tenant, ctx, lockOut, async () => [await tenant.revisions.rollbackTarget(of, to)])
    },
    handle: async (call) => {
      const { tenant, ctx, body } = call
      const [target] = await decidedFor(ctx, async () => [await tenant.revisions.rollbackTarget(body.layer, body.to)])
      return inForce(call, await tenant.revisions.rollback(body.layer, target.address, askedBy(call, body.message)))
    },
  }),
]

type RollbackBody = { readonly layer: Layer; readonly to?: string; readonly lockOut: boolean }

type Decidable = DecidedRevision | Revision
type OneOrMore = readonly [Decidable, ...Decidable[]]

const decidedOn = new WeakMap<Context, OneOrMore>()

/**
 * What was decided on is what is done, whatever its name would lead to a moment later. INVARIANT: what was not there
 * when it was decided is not done, even where it is by now: the decision was about the tenant, and not about it. `find`
 * says what was the matter.
 */
async function decidedFor(ctx: Context, find: () => Promise<unknown>): Promise<OneOrMore> {
  const found = decidedOn.get(ctx)
  if (found !== undefined) return found
  await find()
  throw new AccessError('revision_conflict', 'it has come while this was decided: ask again')
}

/** What does not exist, or cannot be gone back to, is decided on like the tenant: only who may hear of it does. */
async function decideOnChange(
  tenant: TenantFace,
  ctx: Context,
  lockOut: boolean,
  find: () => Promise<readonly Decidable[]>,
): Promise<Decided> {
  const [first, ...more] = (await orUndefined(find())) ?? []
  if (first === undefined) return decideOnTenant(tenant, ctx, 'policy:activate', null)
  decidedOn.set(ctx, [first, ...more])
  return decideOn(tenant, ctx, 'policy:activate', first, boundTo([first, ...more], lockOut))
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof AccessError) return undefined
    throw error
  }
}

/** An approval is bound to the whole addresses, however few digits somebody gave, and to what may come of them. */
function boundTo(revisions: readonly DecidedRevision[], lockOut: boolean): Json {
  const input = { revisions: revisions.map(({ address: one }) => one), ...(lockOut ? { lockOut } : {}) }
  return describedAs('policies come in force', input)
}

function decideOn(
  tenant: TenantFace,
  ctx: Context,
  action: 'policy:read' | 'policy:push' | 'policy:activate',
  revision: DecidedRevision,
  described: Json,
): Promise<Decided> {
  const question = { ...revisionQuestion(action, revision, tenant.id), described }
  return Promise.resolve({ question, decision: tenant.access.decide(ctx, question) })
}

async function decideOnNamed({ tenant, ctx, params, described }: Deciding): Promise<Decided> {
  const found = await orUndefined(tenant.revisions.find(params.revision ?? ''))
  if (found === undefined) return decideOnTenant(tenant, ctx, 'policy:read', described)
  decidedOn.set(ctx, [found])
  return decideOn(tenant, ctx, 'policy:read', found, described)
}

function decideOnTenant(tenant: TenantFace, ctx: Context, action: string, described: Json): Decided {
  const question = { action, resource: { type: 'Tenant', id: tenant.id }, described }
  return { question, decision: tenant.access.decide(ctx, question) }
}

type PushedBody = {
  readonly layer: Layer
  readonly files: readonly {
    readonly name: string
    readonly text: string
    readonly as: NonNullable<PolicyFile['as']> | TestFile['as']
    readonly pack?: NonNullable<PolicyFile['pack']>
  }[]
}

function filesFor({ layer: into, files }: PushedBody): readonly (PolicyFile | TestFile)[] {
  return files.map(({ name, text, as, pack }) => {
    if (as === 'tests' || as === 'setting') return { name, text, as }
    return {
      name,
      text,
      ...(into.kind === 'tenant' ? {} : { layer: into }),
      ...(as === 'grants' ? {} : { as }),
      ...(pack === undefined ? {} : { pack }),
    }
  })
}

function askedBy({ tenant, ctx, body }: Pick<Call, 'tenant' | 'ctx' | 'body'>, said: string) {
  const { lockOut } = body as { readonly lockOut: boolean } // of both routes that come here
  return { by: ctx.caller.chain, message: said, check: policyLockOut({ tenant, ctx }, lockOut) }
}

function inForce({ tenant, note }: Pick<Call, 'tenant' | 'note'>, activations: readonly Activation[]) {
  const { whole } = tenant.revisions.active()
  const changes = activations.map(({ revision, before, layer: of, kind }) => ({
    layer: layerKey(of),
    kind,
    revision,
    before: before ?? null,
  }))
  note({ whole, changes })
  return { whole, activations: activations.map(activationOf) }
}

async function activeAnswer(tenant: TenantFace, key: string, active: string) {
  const of = parseLayerKey(key)
  const [activation] = await tenant.revisions.activations({ layer: of, limit: 1 })
  if (activation === undefined) throw new TypeError(`\`${shortAddress(active)}\` never came in force`)
  return { layer: key, activation: activationOf(activation), revision: revisionOf(await tenant.revisions.find(active)) }
}

function projectIn(query: unknown): { readonly type: string; readonly id: string } | undefined {
  const { layer: of } = query as z.output<typeof oneLayer> // as the schemas of these routes have made it
  return of?.kind === 'project' ? { type: 'Project', id: of.id } : undefined
}
