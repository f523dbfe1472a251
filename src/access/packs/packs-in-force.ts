import { type Layer, layerOf, type PackUse, type PolicyFile } from '../layers.ts'

/** A pack in use, and where its policies stand. */
export interface PackInForce extends PackUse {
  readonly layer: Layer
  /** Names of its files, as errors and reasons speak of them. */
  readonly files: readonly string[]
}

/** The packs that files of policies come from, by their names in use. */
export function packsInForce(files: readonly PolicyFile[]): readonly PackInForce[] {
  const found = new Map<string, PackInForce>()
  for (const file of files) {
    if (file.pack === undefined) continue
    const known = found.get(file.pack.instance)
    found.set(file.pack.instance, { ...file.pack, layer: layerOf(file), files: [...(known?.files ?? []), file.name] })
  }
  return [...found.values()].sort((a, b) => (a.instance < b.instance ? -1 : 1))
}
