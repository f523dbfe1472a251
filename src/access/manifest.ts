import { z } from 'zod'
import type { Layer, PolicyFile } from './layers.ts'

const path = z.string().min(1).max(1024)
const name = z.string().min(1).max(128)

const placed = z
  .strictObject({
    file: path,
    project: name.optional(),
    agent: name.optional(),
    agentType: name.optional(),
    as: z.enum(['grants', 'ceiling', 'limits']).default('grants'),
  })
  .refine(
    ({ project, agent, agentType }) => [project, agent, agentType].filter((one) => one !== undefined).length < 2,
    'a file belongs to one layer: a project, an agent or an agent type',
  )

/**
 * What a manifest says about policies: files beside it, each with its layer (the tenant's unless it says otherwise).
 * Together, over all manifests of one application, they are all the policies below the foundation.
 */
export const policySections = {
  policies: z.array(z.union([path.transform((file) => ({ file })).pipe(placed), placed])).max(1000),
}

/** A file of the tenant's own types and actions, in Cedar's schema language. */
export const schemaSections = { schema: path }

export function schemaFileOf(file: string, text: string): PolicyFile {
  return { name: file, text, as: 'schema' }
}

export type DeclaredPolicy = z.output<typeof policySections.policies>[number]

/** The file with its text; where it says nothing else, nothing else stands in the store. */
export function policyFileOf(declared: DeclaredPolicy, text: string): PolicyFile {
  const layer = layerOf(declared)
  return {
    name: declared.file,
    text,
    ...(layer === undefined ? {} : { layer }),
    ...(declared.as === 'grants' ? {} : { as: declared.as }),
  }
}

function layerOf(declared: DeclaredPolicy): Layer | undefined {
  const { project, agent, agentType } = declared
  if (project !== undefined) return { kind: 'project', id: project }
  if (agent !== undefined) return { kind: 'agent', type: 'Agent', id: agent }
  return agentType === undefined ? undefined : { kind: 'agent', type: 'AgentType', id: agentType }
}

const layer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tenant') }),
  z.object({ kind: z.literal('project'), id: z.string() }),
  z.object({ kind: z.literal('agent'), type: z.enum(['Agent', 'AgentType']), id: z.string() }),
])

/** The instance of a pack that a file was made from. */
export const packUse = z.object({
  name: z.string(),
  version: z.string(),
  digest: z.string(),
  instance: z.string(),
  parameters: z.record(z.string(), z.json()),
})

/** A policy file as it stands in the store. Every field that `PolicyFile` has is in here. */
export const storedPolicyFile = z.object({
  name: z.string(),
  text: z.string(),
  layer: layer.exactOptional(),
  as: z.enum(['grants', 'ceiling', 'limits', 'schema']).exactOptional(),
  pack: packUse.exactOptional(),
})
