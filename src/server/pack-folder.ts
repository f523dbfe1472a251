import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type DeclaredPack,
  type PackShelf,
  packShelf,
  type SchemaInForce,
  schemaFileOf,
  schemaInForce,
} from '../access/index.ts'
import { parseSections } from '../identity/index.ts'
import { sections } from './apply.ts'
import { readFoundation } from './foundation.ts'
import { builtInPacks, packsIn } from './packs.ts'

/** The packs that a folder can use, and those that its manifests do use. */
export interface PackFolder {
  readonly shelf: PackShelf
  readonly uses: readonly PackInUse[]
  /** The manifests, by their names in the folder. */
  readonly manifests: ReadonlyMap<string, string>
  /** With the tenant's own types and actions. */
  readonly schema: SchemaInForce
}

export interface PackInUse {
  readonly declared: DeclaredPack
  /** The manifest, and where it stands in it: `tenant.yaml:12`. */
  readonly file: string
  readonly at: string
}

/** A folder without manifests uses none. Throws `manifest_invalid`, `pack_invalid`. */
export function readPackFolder(folder: string): PackFolder {
  const names = globSync('*.{yaml,yml}', { cwd: folder })
    .filter((name) => !/\.test\.ya?ml$/.test(name) && name !== 'pack.yaml')
    .sort()
  const manifests = new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
  const parsed = [...manifests].map(([file, text]) => ({ ...parseSections(text, file, sections), file }))
  const uses = parsed.flatMap(({ sections: { packs = [] }, where, file }) =>
    packs.map((declared, index) => ({ declared, file, at: where(['packs', index]) })),
  )
  const own = parsed.map(({ sections: { schema } }) => schema).findLast((name) => name !== undefined)
  const schemas = own === undefined ? [] : [schemaFileOf(own, readFileSync(join(folder, own), 'utf8'))]
  return {
    shelf: packShelf([...builtInPacks(), ...packsIn(folder)]),
    uses,
    manifests,
    schema: schemaInForce(readFoundation().schema, schemas),
  }
}
