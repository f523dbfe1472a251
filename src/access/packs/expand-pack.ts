import { finish, type MouldValue, type PolicyMould, type Steps } from '../../cedar/index.ts'
import { errorText } from '../../kernel/index.ts'
import type { Layer, PolicyFile } from '../layers.ts'
import type { SchemaInForce } from '../schema-in-force.ts'
import type { Pack, PackLayer } from './pack.ts'
import type { DeclaredPack } from './pack-manifest.ts'
import { isRefused, type ParameterInput, valueFor } from './parameter.ts'

/** What is wrong with a pack in use, and where in its declaration. */
export interface PackProblem {
  readonly path: readonly string[]
  readonly message: string
}

/** The policies that a pack comes to with these parameters, or all that is wrong with them. */
export function expandPack(pack: Pack, declared: DeclaredPack, schema: SchemaInForce): ExpandedPack {
  return finish(expandPackSteps(pack, declared, schema))
}

export interface ExpandedPack {
  readonly files: readonly PolicyFile[]
  readonly problems: readonly PackProblem[]
}

/** The same in steps, one for each policy. */
export function* expandPackSteps(pack: Pack, declared: DeclaredPack, schema: SchemaInForce): Steps<ExpandedPack> {
  const { values, parameters, problems } = valuesFor(pack, declared, schema)
  const placed = layerOf(declared)
  if (!pack.layers.includes(placed.kind)) {
    const allowed = pack.layers.map((one) => `\`${one}\``).join(' or ')
    problems.push({
      path: [],
      message: `\`${pack.name}\` stands in the layer of ${allowed}, not of \`${placed.kind}\``,
    })
  }
  if (problems.length > 0) return { files: [], problems }
  const origin = {
    name: pack.name,
    version: pack.version,
    digest: pack.digest,
    instance: declared.as,
    parameters,
  }
  const files: PolicyFile[] = []
  for (const { as, moulds } of pack.files) {
    const texts: string[] = []
    for (const mould of moulds) {
      try {
        texts.push(filledText(pack, mould, values, `${declared.as}/${mould.id}`))
      } catch (error) {
        problems.push({ path: ['with'], message: errorText(error) })
      }
      yield
    }
    files.push({
      name: `packs/${declared.as}/${as}.cedar`,
      text: texts.join('\n'),
      ...(placed.layer === undefined ? {} : { layer: placed.layer }),
      ...(as === 'grants' ? {} : { as }),
      pack: origin,
    })
  }
  return problems.length > 0 ? { files: [], problems } : { files, problems }
}

// Filling takes two milliseconds, and a tenant applies the same hundreds of packs again with each small change.
const filled = new Map<string, string>()
const MOST_FILLED = 5000

/** INVARIANT: what comes of it depends on nothing but this. */
function filledText(
  { digest }: Pack,
  { id, fill }: PolicyMould,
  values: ReadonlyMap<string, MouldValue>,
  newId: string,
): string {
  const key = JSON.stringify([digest, id, newId, [...values]])
  const known = filled.get(key)
  if (known !== undefined) return known
  const text = fill(values, newId)
  if (filled.size >= MOST_FILLED) filled.clear()
  filled.set(key, text)
  return text
}

function valuesFor(pack: Pack, declared: DeclaredPack, schema: SchemaInForce) {
  const problems: PackProblem[] = []
  const values = new Map<string, MouldValue>()
  const parameters: Record<string, ParameterInput> = {}
  const known = [...pack.parameters.keys()]
  for (const name of Object.keys(declared.with)) {
    if (pack.parameters.has(name)) continue
    const offered = known.length === 0 ? 'it has none' : `it has ${known.map((one) => `\`${one}\``).join(', ')}`
    problems.push({ path: ['with', name], message: `\`${pack.name}\` has no parameter \`${name}\`; ${offered}` })
  }
  for (const [name, parameter] of pack.parameters) {
    const given = Object.hasOwn(declared.with, name) ? declared.with[name] : parameter.default
    if (given === undefined) {
      problems.push({ path: ['with'], message: `\`${name}\` is needed: ${parameter.doc}` })
      continue
    }
    const value = valueFor(parameter, given, schema)
    if (isRefused(value)) problems.push({ path: ['with', name], message: `\`${name}\`: ${value.refused}` })
    else {
      values.set(name, value)
      parameters[name] = given
    }
  }
  return { values, parameters, problems }
}

function layerOf({ project, agent, agentType }: DeclaredPack): {
  readonly kind: PackLayer
  readonly layer: Layer | undefined
} {
  if (project !== undefined) return { kind: 'project', layer: { kind: 'project', id: project } }
  if (agent !== undefined) return { kind: 'agent', layer: { kind: 'agent', type: 'Agent', id: agent } }
  if (agentType !== undefined) return { kind: 'agentType', layer: { kind: 'agent', type: 'AgentType', id: agentType } }
  return { kind: 'tenant', layer: undefined }
}
