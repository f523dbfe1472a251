import { z } from 'zod'
import { AccessError, type Pack } from '../../access/index.ts'
import { type Route, route } from '../route.ts'

const pack = z.object({
  name: z.string(),
  version: z.string(),
  title: z.string(),
  description: z.string(),
  layers: z.array(z.string()).describe('where its policies may stand'),
  parameters: z.array(z.looseObject({ name: z.string(), type: z.string(), doc: z.string() })),
  statements: z.array(z.object({ id: z.string(), as: z.string() })),
  digest: z.string().describe('SHA-256 of all that decides'),
})

const inForce = z.object({
  instance: z.string().describe('what it is called in use: ids of its policies begin with it'),
  name: z.string(),
  version: z.string(),
  digest: z.string().describe('of the pack as it was when it was applied'),
  parameters: z.record(z.string(), z.json()),
  layer: z.looseObject({ kind: z.string() }),
  files: z.array(z.string()),
  shipped: z
    .boolean()
    .describe('whether its policies are what the pack that ships comes to; otherwise this is what was said of them'),
})

/** Policies with parameters. They are put to use by a manifest, and so there is no changing them here. */
export const packRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/packs',
    summary: 'List the packs that ship with Sallyport, every version, and those that are in force',
    action: 'policy:read',
    answer: z.object({ packs: z.array(pack), inForce: z.array(inForce) }),
    handle: async ({ tenant: { packs } }) => ({
      packs: packs.list().map(shown),
      inForce: (await packs.inForce()).map(({ isShipped, ...one }) => ({
        ...one,
        layer: { ...one.layer },
        shipped: isShipped,
      })),
    }),
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/packs/:pack/:version',
    summary: 'Read one version of a pack that ships with Sallyport',
    action: 'policy:read',
    answer: pack,
    handle: async ({ tenant: { packs }, params }) => {
      const found = packs.list().find(({ name, version }) => name === params.pack && version === params.version)
      if (found === undefined) throw new AccessError('pack_unknown', 'no such pack, or not in this version')
      return shown(found)
    },
  }),
]

function shown({ name, version, title, description, layers, parameters, files, digest }: Pack) {
  return {
    name,
    version,
    title,
    description,
    layers: [...layers],
    parameters: [...parameters].map(([parameter, declared]) => ({ name: parameter, ...declared })),
    statements: files.flatMap(({ as, moulds }) => moulds.map(({ id }) => ({ id, as }))),
    digest,
  }
}
