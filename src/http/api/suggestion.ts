import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { type ObservedDecision, recordedDecisions } from '../../access/index.ts'
import type { LogScan } from '../../audit/index.ts'
import { errorText } from '../../kernel/index.ts'
import { type Route, route, streamed } from '../route.ts'

const moment = z.iso.datetime({ offset: true }).transform((value) => Date.parse(value))

/** Policies from what was observed. It reads what everybody did, and changes nothing. */
export const suggestionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/policy/suggestion',
    summary:
      'Suggest the least policy for what was observed: lines of JSON with how far it is, and the suggestion as the last',
    action: 'log:read_body',
    query: z.strictObject({
      since: moment,
      until: moment.optional(),
      beside: z
        .stringbool({ truthy: ['true'], falsy: ['false'] })
        .optional()
        .meta({ description: 'only what the policies in force do not permit' }),
      accept: z.string().max(4096).optional().meta({
        description: 'what is granted though it was left out: ids (`left-out/elevated-1`) or cautions, with commas',
      }),
    }),
    produces: 'application/x-ndjson',
    handle: async ({ tenant, ctx, query, raw, signal, note }) => {
      const { since, until = ctx.clock.now(), accept, beside = false } = query
      const scan = tenant.log.scan({ kinds: ['decision'], from: since, to: until })
      let isCut = false
      const closed = tenant.onCut(
        ctx,
        () => {
          isCut = true
          raw.end()
        },
        'log:read_body',
      )
      const isOver = () => isCut || signal.aborted
      const tell = (line: object): void => {
        if (!isOver()) raw.write(`${JSON.stringify(line)}\n`)
      }
      raw.writeHead(200, {
        'content-type': 'application/x-ndjson',
        'cache-control': 'no-store',
        'sallyport-txn': ctx.txn,
      })
      try {
        const suggestion = await tenant.access.suggest(decisionsIn(scan, tell, isOver), {
          since,
          until,
          accept: accept?.split(',') ?? [],
          isBeside: beside,
        })
        note({ decisions: suggestion.decisions, statements: suggestion.statements.length })
        tell({ suggestion })
      } catch (error) {
        note({ failed: errorText(error) })
        tell({ error: 'the records could not be read to their end' })
      } finally {
        scan.close()
        closed()
        raw.end()
      }
      return streamed
    },
  }),
]

/** Batch by batch, telling how far it is and letting others have their turn. */
async function* decisionsIn(
  scan: LogScan,
  tell: (line: object) => void,
  isOver: () => boolean,
): AsyncGenerator<ObservedDecision> {
  let told = -1
  for (let batch = scan.next(); batch !== undefined && !isOver(); batch = scan.next()) {
    for (const record of batch) {
      const found = recordedDecisions(record)
      if (!('why' in found)) yield* found
    }
    const percent = Math.floor((scan.done / Math.max(1, scan.total)) * 100)
    if (percent !== told) {
      told = percent
      tell({ done: scan.done, total: scan.total })
    }
    await setImmediate()
  }
}
