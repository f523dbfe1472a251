import { z } from 'zod'

const name = z.string().min(1).max(1024)

const layer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tenant') }),
  z.strictObject({ kind: z.literal('project'), id: name }),
  z.strictObject({ kind: z.literal('agent'), type: z.enum(['Agent', 'AgentType']), id: name }),
])

/** Files of policies, each with its layer, as a folder has them. */
export const policyFiles = z
  .array(
    z.strictObject({
      name,
      text: z.string().max(8_388_608),
      layer: layer.exactOptional(),
      as: z.enum(['grants', 'ceiling', 'limits', 'schema']).exactOptional(),
      pack: z
        .strictObject({
          name,
          version: name,
          digest: name,
          instance: name,
          parameters: z.record(z.string(), z.json()),
        })
        .exactOptional(),
    }),
  )
  .max(1000)
