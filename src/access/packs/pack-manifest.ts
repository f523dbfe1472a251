import { z } from 'zod'
import { PACK_NAME, PACK_VERSION } from './pack.ts'

const name = z.string().min(1).max(128)
const instance = z
  .string()
  .max(64)
  .regex(PACK_NAME, 'must be small letters, digits and hyphens, as in `churn-analysts`')
  .refine((one) => !TAKEN.has(one), 'is a name that only Sallyport uses')

/** What other policies, and reasons, begin with. */
const TAKEN: ReadonlySet<string> = new Set(['foundation', 'role', 'ceiling', 'list', 'limit', 'mandate'])

const declared = z
  .strictObject({
    pack: z.string().max(64).regex(PACK_NAME, 'must be the name of a pack, as in `data-analyst`'),
    version: z.string().regex(PACK_VERSION, 'must be a version, as in `1.2.0`'),
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 that `packs show` tells')
      .optional(),
    as: instance,
    project: name.optional(),
    agent: name.optional(),
    agentType: name.optional(),
    with: z.record(z.string(), z.json()).default({}),
  })
  .refine(
    ({ project, agent, agentType }) => [project, agent, agentType].filter((one) => one !== undefined).length < 2,
    'a pack stands in one layer: a project, an agent or an agent type',
  )

/** Packs that are in use, with their parameters. Together, over all manifests of one application, they are all. */
export const packInstanceSections = { packs: z.array(declared).max(500) }

/** A pack in use. */
export type DeclaredPack = z.output<typeof packInstanceSections.packs>[number]
