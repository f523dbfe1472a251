import { z } from 'zod'
import { AccessError, type Revision, revisionQuestion, type ShadowStatus } from '../../access/index.ts'
import type { Context } from '../../kernel/index.ts'
import { administer } from '../administration.ts'
import { type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'
import { replayReport } from './replay-report.ts'

const count = z.int()
const shadow = z.object({
  revisions: z.array(z.string()),
  candidate: z.string(),
  by: z.string(),
  startedAt: z.string(),
  until: z.string(),
  counts: z.object({ seen: count, concerned: count, judged: count, skipped: count, differing: count }),
  ended: z.object({ at: z.string(), why: z.string() }).optional(),
  report: replayReport,
})

const path = '/t/:tenant/api/policy/shadow'
/** What differs names who asked for what. */
const action = 'log:read_body'

/** Trying a candidate on live requests; it decides nothing. */
export const policyShadowRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path,
    summary: 'Say what a candidate would have decided otherwise of live requests, up to now',
    action,
    answer: shadow,
    handle: async ({ tenant }) => {
      const status = tenant.shadows.status()
      if (status === undefined) throw new AccessError('shadow_unknown', 'no candidate has run in shadow')
      return shown(status)
    },
  }),
  route({
    method: 'POST',
    path,
    summary: 'Try revisions on live requests, beside what decides, for a time',
    action,
    body: z.strictObject({
      revisions: z.array(z.string().min(1).max(64)).min(1).max(100),
      hours: z.number().min(0.01).max(168).default(24),
    }),
    answer: shadow,
    handle: async ({ tenant, ctx, body, note }) => {
      const found = await Promise.all(body.revisions.map((prefix) => tenant.revisions.find(prefix)))
      const status = await asPusher({ tenant, ctx }, 'a candidate begins to run in shadow', found, () =>
        tenant.shadows.start(
          found.map(({ address }) => address),
          { by: ctx.caller.chain, ms: body.hours * 3_600_000 },
        ),
      )
      note({ revisions: [...status.revisions], candidate: status.candidate })
      return shown(status)
    },
  }),
  route({
    method: 'DELETE',
    path,
    summary: 'End the shadow; what it found stays to be read',
    action,
    answer: shadow,
    handle: async ({ tenant, ctx }) => {
      const running = tenant.shadows.status()?.revisions ?? []
      const found = await Promise.all(running.map((address) => tenant.revisions.find(address)))
      return shown(
        await asPusher({ tenant, ctx }, 'the candidate in shadow is stopped', found, () => tenant.shadows.stop()),
      )
    },
  }),
]

/** What it comes to is evidence for revisions: beginning and ending it is for those who may push each of them. */
async function asPusher<T>(
  { tenant, ctx }: { readonly tenant: TenantFace; readonly ctx: Context },
  summary: string,
  revisions: readonly Revision[],
  act: () => Promise<T>,
): Promise<T> {
  const within = revisions.reduceRight<() => Promise<unknown>>((next, revision) => {
    const question = revisionQuestion('policy:push', revision, tenant.id)
    const decide = async () => ({ question, decision: tenant.access.decide(ctx, question) })
    const operation = { action: 'policy:push', summary, target: { revision: revision.address }, decide }
    return async () => (await administer(tenant, ctx, operation, next)).answer
  }, act)
  return (await within()) as T // what `act` has returned
}

function shown({ startedAt, until, ended, ...rest }: ShadowStatus): z.input<typeof shadow> {
  const moment = (at: number): string => new Date(at).toISOString()
  return {
    ...rest,
    revisions: [...rest.revisions],
    // The same, as data that can be written to.
    report: structuredClone(rest.report) as z.input<typeof replayReport>,
    startedAt: moment(startedAt),
    until: moment(until),
    ...(ended === undefined ? {} : { ended: { at: moment(ended.at), why: ended.why } }),
  }
}
