import { z } from 'zod'
import { revisionQuestion } from '../../access/index.ts'
import { actorOf, type Context, SallyportError } from '../../kernel/index.ts'
import { type Route, route, streamed } from '../route.ts'
import type { ReplayAsked, TenantFace } from '../tenant-face.ts'
import { policyFiles } from './policy-files.ts'

const moment = z.iso.datetime({ offset: true }).transform((value) => Date.parse(value))

/** Deciding again what is on record, under a candidate. It reads what everybody did, and changes nothing. */
export const policyReplayRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/api/policy/replay',
    summary:
      'Decide again what is on record, under revisions or files that are not in force: lines of JSON with how far it is, and the report as the last',
    action: 'log:read_body',
    body: z.strictObject({
      candidate: z.union([
        z.strictObject({ revisions: z.array(z.string().min(1).max(64)).min(1).max(100) }),
        z.strictObject({ files: policyFiles }),
      ]),
      since: moment,
      until: moment.optional(),
    }),
    produces: 'application/x-ndjson',
    handle: async ({ tenant, ctx, body, raw, signal, note }) => {
      const ending = new AbortController()
      const closed = tenant.onCut(ctx, () => ending.abort(), 'log:read_body')
      signal.addEventListener('abort', () => ending.abort(), { once: true })
      let isBegun = false
      let told = -1
      const tell = (line: object): void => {
        if (ending.signal.aborted) return
        if (!isBegun) {
          isBegun = true
          const head = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' }
          raw.writeHead(200, { ...head, 'sallyport-txn': ctx.txn })
        }
        raw.write(`${JSON.stringify(line)}\n`)
      }
      try {
        const report = await tenant.replay({
          candidate: body.candidate,
          from: body.since,
          to: body.until,
          by: actorOf(ctx.caller).id,
          attaches: await mayPush(body.candidate, tenant, ctx),
          signal: ending.signal,
          onProgress(done, total) {
            const percent = Math.floor((done / Math.max(1, total)) * 100)
            if (percent === told) return
            told = percent
            tell({ done, total })
          },
        })
        const { candidate, records, decided, newlyAllowed, newlyDenied } = report
        note({ candidate, records, decided, newlyAllowed, newlyDenied })
        tell({ report })
      } catch (error) {
        // Before the first line, it is an answer like any other.
        if (!isBegun && !ending.signal.aborted) throw error
        const code = error instanceof SallyportError ? String(error.code) : 'internal'
        note({ failed: code })
        tell({ error: error instanceof SallyportError ? error.publicMessage : 'the replay failed' })
      } finally {
        closed()
      }
      raw.end()
      return streamed
    },
  }),
]

/** What a replay comes to is evidence only where whoever asks may push each of the revisions. */
async function mayPush(candidate: ReplayAsked['candidate'], tenant: TenantFace, ctx: Context): Promise<boolean> {
  if (!('revisions' in candidate)) return false
  const found = await Promise.all(candidate.revisions.map((prefix) => tenant.revisions.find(prefix)))
  return found.every(
    (revision) => tenant.access.decide(ctx, revisionQuestion('policy:push', revision, tenant.id)).decision === 'allow',
  )
}
