import { z } from 'zod'
import { type Route, route } from '../route.ts'

const chosen = z.object({ public: z.boolean() })

/** Who may verify the log. Letting everybody do so is letting a copy of it leave, without what stands in records. */
export const logPublicationRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/log/public',
    summary: 'Whether everybody may read checkpoints, tiles and keys of the log',
    action: 'log:read',
    answer: chosen,
    handle: async ({ tenant }) => ({ public: tenant.publication.isPublic }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/log/public',
    summary: 'Choose whether everybody may read checkpoints, tiles and keys of the log',
    action: 'log:export',
    body: z.strictObject({ public: z.boolean() }),
    answer: chosen,
    handle: async ({ tenant, body, note }) => {
      const { effect } = await tenant.publication.choose(body.public)
      note({ public: body.public, effect })
      return body
    },
  }),
]
