import type { Steps } from '../../cedar/index.ts'
import { type Layer, layerOf, type PackUse, type PolicyFile } from '../layers.ts'
import { layerKey } from '../revisions/layer-key.ts'
import { type SchemaInForce, schemaInForce } from '../schema-in-force.ts'
import { unhurried } from '../unhurried.ts'
import { expandPackSteps } from './expand-pack.ts'
import type { Pack } from './pack.ts'
import type { DeclaredPack } from './pack-manifest.ts'

/** A pack in use, and where its policies stand. */
export interface PackInForce extends PackUse {
  readonly layer: Layer
  /** Names of its files, as errors and reasons speak of them. */
  readonly files: readonly string[]
  /**
   * Whether these policies are what a pack that ships comes to, with these parameters, in this place. Of others, this is
   * what whoever put them in force said of them.
   */
  readonly isShipped: boolean
}

/** The packs that files of policies come from, by their names in use. Lets others have their turn. */
export async function packsInForce(
  files: readonly PolicyFile[],
  shipped: { readonly packs: readonly Pack[]; readonly schema: string },
): Promise<readonly PackInForce[]> {
  const schema = schemaInForce(shipped.schema, files)
  const found = [...Map.groupBy(files, ({ pack }) => pack?.instance)].flatMap(([instance, own]) =>
    instance === undefined ? [] : [own],
  )
  return unhurried(inForceSteps(found, shipped.packs, schema))
}

function* inForceSteps(
  found: readonly (readonly PolicyFile[])[],
  packs: readonly Pack[],
  schema: SchemaInForce,
): Steps<readonly PackInForce[]> {
  const all: PackInForce[] = []
  for (const files of found) {
    const file = files.at(-1)
    if (file?.pack === undefined) continue
    const layer = layerOf(file)
    const isShipped = yield* isShippedSteps(file.pack, layer, files, packs, schema)
    all.push({ ...file.pack, layer, files: files.map(({ name }) => name), isShipped })
    yield
  }
  return all.sort((a, b) => (a.instance < b.instance ? -1 : 1))
}

function* isShippedSteps(
  use: PackUse,
  layer: Layer,
  files: readonly PolicyFile[],
  packs: readonly Pack[],
  schema: SchemaInForce,
): Steps<boolean> {
  const { name, version, digest } = use
  const pack = packs.find((one) => one.name === name && one.version === version && one.digest === digest)
  if (pack === undefined) return false
  const made = yield* expandPackSteps(pack, declaredAs(use, layer), schema)
  return made.problems.length === 0 && textOf(made.files) === textOf(files)
}

function declaredAs({ name, version, instance, parameters }: PackUse, layer: Layer): DeclaredPack {
  return {
    pack: name,
    version,
    as: instance,
    // The same JSON, which nobody changes.
    with: parameters as DeclaredPack['with'],
    ...(layer.kind === 'project' ? { project: layer.id } : {}),
    ...(layer.kind === 'agent' && layer.type === 'Agent' ? { agent: layer.id } : {}),
    ...(layer.kind === 'agent' && layer.type === 'AgentType' ? { agentType: layer.id } : {}),
  }
}

function textOf(files: readonly PolicyFile[]): string {
  const texts = files.map((file) => {
    const { name, version, digest, parameters } = file.pack ?? {}
    return JSON.stringify([
      file.name,
      file.as ?? 'grants',
      layerKey(layerOf(file)),
      file.text,
      name,
      version,
      digest,
      parameters,
    ])
  })
  return texts.sort().join('\n')
}
