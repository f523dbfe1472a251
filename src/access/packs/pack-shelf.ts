import { finish, type Steps } from '../../cedar/index.ts'
import { manifestError } from '../../identity/index.ts'
import type { PolicyFile } from '../layers.ts'
import { schemaInForce } from '../schema-in-force.ts'
import { unhurried } from '../unhurried.ts'
import { expandPackSteps } from './expand-pack.ts'
import type { Pack } from './pack.ts'
import type { DeclaredPack } from './pack-manifest.ts'

/** The packs that can be used. */
export interface PackShelf {
  /** By name, the newest version of each first. */
  list(): readonly Pack[]
  /** The newest version where none is given; undefined where there is none. */
  find(name: string, version?: string): Pack | undefined
}

/** Throws `manifest_invalid` for packs of one name that cannot be told apart. */
export function packShelf(given: readonly Pack[]): PackShelf {
  const packs: Pack[] = []
  for (const pack of [...given].sort(byNameThenNewest)) {
    const { name, version, digest, from } = pack
    const twin = packs.find((other) => other.name === name && other.version === version)
    if (twin?.digest === digest) continue
    if (packs.some((other) => other.name === name && other.from !== from)) {
      throw manifestError([`\`${name}\` is the name of a pack that ships with Sallyport; call your own otherwise`])
    }
    if (twin !== undefined) throw manifestError([`there are two packs \`${name}\` ${version}, and they differ`])
    packs.push(pack)
  }
  return {
    list: () => packs,
    find: (name, version) =>
      packs.find((pack) => pack.name === name && (version === undefined || pack.version === version)),
  }
}

function byNameThenNewest(a: Pack, b: Pack): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return compareVersions(b.version, a.version)
}

/** Below zero where `a` comes before `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  return left.map((part, index) => part - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0
}

/** A manifest's packs, and where they stand in it. */
export interface PlacedPacks {
  readonly packs: readonly DeclaredPack[]
  readonly where: (path: readonly PropertyKey[]) => string
}

/**
 * The policy files that packs in use come to. `inForce` are the files before: a pack that has changed under the same
 * version is refused. Throws `manifest_invalid` with file and line of every problem.
 */
export function expandPacks(
  placed: readonly PlacedPacks[],
  shelf: PackShelf,
  around: AroundPacks,
): readonly PolicyFile[] {
  return finish(expandPacksSteps(placed, shelf, around))
}

/** The same, letting others have their turn meanwhile. */
export async function expandPacksUnhurried(
  placed: readonly PlacedPacks[],
  shelf: PackShelf,
  around: AroundPacks,
): Promise<readonly PolicyFile[]> {
  return unhurried(expandPacksSteps(placed, shelf, around))
}

/** What packs are put to use beside. */
export interface AroundPacks {
  /** The foundation's. */
  readonly schema: string
  /** The tenant's own schema among them. */
  readonly own: readonly PolicyFile[]
  readonly inForce: readonly PolicyFile[]
}

const MOST_STATEMENTS = 20_000

function* expandPacksSteps(
  placed: readonly PlacedPacks[],
  shelf: PackShelf,
  { schema, own, inForce }: AroundPacks,
): Steps<readonly PolicyFile[]> {
  const speech = schemaInForce(schema, own)
  const problems: string[] = []
  const files: PolicyFile[] = []
  const taken = new Set<string>()
  let statements = 0
  for (const { packs, where } of placed) {
    for (const [index, declared] of packs.entries()) {
      const tell = (path: readonly string[], message: string): void => {
        problems.push(`${where(['packs', index, ...path])}: ${message}`)
      }
      if (taken.has(declared.as)) tell(['as'], `two packs are in use as \`${declared.as}\``)
      taken.add(declared.as)
      const pack = shelf.find(declared.pack, declared.version)
      if (pack === undefined) {
        tell(['pack'], unknownText(declared, shelf))
        continue
      }
      const changed = changeOf(pack, declared, inForce)
      if (changed !== undefined) {
        tell(['version'], changed)
        continue
      }
      statements += pack.files.reduce((sum, { moulds }) => sum + moulds.length, 0)
      if (statements > MOST_STATEMENTS) throw manifestError([`packs come to more than ${MOST_STATEMENTS} policies`])
      const expanded = yield* expandPackSteps(pack, declared, speech)
      for (const { path, message } of expanded.problems) tell(path, message)
      files.push(...expanded.files)
    }
  }
  if (problems.length > 0) throw manifestError(problems)
  return files
}

function unknownText({ pack, version }: DeclaredPack, shelf: PackShelf): string {
  const versions = shelf.list().filter(({ name }) => name === pack)
  if (versions.length > 0)
    return `there is no \`${pack}\` ${version}, only ${versions.map((one) => one.version).join(', ')}`
  const names = [...new Set(shelf.list().map(({ name }) => name))]
  return `there is no pack \`${pack}\`; there are ${names.map((name) => `\`${name}\``).join(', ')}`
}

function changeOf(
  { digest, name, version }: Pack,
  declared: DeclaredPack,
  inForce: readonly PolicyFile[],
): string | undefined {
  if (declared.digest !== undefined && declared.digest !== digest) {
    return `\`${name}\` ${version} is not what was declared: its digest is ${digest}`
  }
  const known = inForce.find(({ pack }) => pack?.name === name && pack.version === version)?.pack
  if (known === undefined || known.digest === digest) return undefined
  return `\`${name}\` ${version} has changed since it was put in force; what has changed needs a new version`
}
