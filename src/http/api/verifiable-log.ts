import { z } from 'zod'
import { parseTilePath } from '../../translog/index.ts'
import { HttpError } from '../errors.ts'
import { Bytes, type OpenCall, type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'

/**
 * The log as a verifier reads it (C2SP tlog-tiles): hashes, times and kinds, nothing of what stands in records. For
 * everyone where the tenant chose so, else for those who may `log:read`.
 */
export const verifiableLogRoutes: readonly Route[] = [
  verifiable('checkpoint', {
    summary: 'The newest signed state of the log (C2SP tlog-checkpoint)',
    produces: 'text/plain',
    answer: async ({ tenant }) => text(tenant, await tenant.log.checkpoint()),
  }),
  verifiable('witnessed', {
    summary: 'The newest signed state of the log that witnesses have cosigned (C2SP tlog-cosignature)',
    produces: 'text/plain',
    answer: async ({ tenant }) => {
      const note = await tenant.log.witnessed()
      if (note === undefined) throw new HttpError('route_unknown', 'no witness has cosigned the log yet')
      return text(tenant, note)
    },
  }),
  verifiable('origins', {
    summary: 'Every name that the log has signed under, with the last checkpoint known of what came before',
    schema: z.object({
      origins: z.array(z.object({ origin: z.string(), first: z.number(), after: z.string().optional() })),
    }),
    answer: async ({ tenant }) => ({ origins: await tenant.log.origins() }),
  }),
  verifiable('keys', {
    summary: 'The public keys of the log, one verifier key a line (C2SP signed-note); keep them, and compare',
    produces: 'text/plain',
    answer: async ({ tenant }) => text(tenant, tenant.logKeys),
  }),
  verifiable('tile/*', {
    summary: 'A tile or an entry bundle of the log (C2SP tlog-tiles)',
    produces: 'application/octet-stream',
    answer: async ({ tenant, params }) => {
      const path = parseTilePath(`tile/${params['*'] ?? ''}`)
      const bytes = path === undefined ? undefined : await tenant.log.resource(path)
      if (bytes === undefined) throw new HttpError('route_unknown', 'no such tile')
      return new Bytes(bytes, {
        'content-type': 'application/octet-stream',
        'cache-control': `${tenant.publication.isPublic ? 'public' : 'private'}, max-age=31536000, immutable`,
      })
    },
  }),
]

interface Verifiable {
  readonly summary: string
  readonly produces?: string
  readonly schema?: z.ZodType
  readonly answer: (call: OpenCall) => Promise<unknown>
}

function verifiable(name: string, { summary, produces, schema, answer }: Verifiable): Route {
  return route({
    method: 'GET',
    path: `/t/:tenant/log/${name}`,
    summary,
    action: 'log:read',
    ...(produces === undefined ? {} : { produces }),
    ...(schema === undefined ? {} : { answer: schema }),
    open: { when: ({ publication }) => publication.isPublic, answer },
    handle: answer,
  })
}

// A checkpoint is signed at most every quarter of a second; whoever asks more often gets the one of a moment ago.
function text({ publication }: TenantFace, body: string): Bytes {
  const caching = publication.isPublic ? { 'cache-control': 'public, max-age=1' } : {}
  return new Bytes(body, { 'content-type': 'text/plain; charset=utf-8', ...caching })
}
