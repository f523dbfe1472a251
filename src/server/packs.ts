import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { AccessError, PACK_FILES, type Pack, type PackSource, readPack } from '../access/index.ts'
import type { NamedText } from '../http/index.ts'

const BUILT_IN = join(import.meta.dirname, '../../foundation/packs')
export const PACK_DIGESTS = join(BUILT_IN, 'digests.txt')

let known: readonly Pack[] | undefined

/** The packs that ship with the product, every version of each. */
export function builtInPacks(): readonly Pack[] {
  known ??= readBuiltIn()
  return known
}

/** INVARIANT: a version means one text. What was changed in place is used by nobody. */
function readBuiltIn(): readonly Pack[] {
  const recorded = new Set(readFileSync(PACK_DIGESTS, 'utf8').split('\n'))
  return shippedPacks().map((pack) => {
    if (recorded.has(digestLine(pack))) return pack
    const what = `\`${pack.name}\` ${pack.version} is not what \`foundation/packs/digests.txt\` says`
    throw new AccessError('pack_invalid', `${what}; what has changed needs a new version`)
  })
}

/** The same as they lie there, whatever they were when their digests were recorded. */
export function shippedPacks(): readonly Pack[] {
  return globSync('*/*/pack.yaml', { cwd: BUILT_IN })
    .sort()
    .map((file) => readPack(sourceIn(BUILT_IN, dirname(file), 'foundation/packs/', 'built-in')))
}

/** As it stands in `digests.txt`. */
export function digestLine({ name, version, digest }: Pack): string {
  return `${name} ${version} ${digest}`
}

/**
 * A tenant's own packs: below `packs/` of its folder, as `packs/NAME/pack.yaml` or, for several versions,
 * `packs/NAME/VERSION/pack.yaml`. A folder that is a pack itself is one, too. Throws `pack_invalid`.
 */
export function packsIn(folder: string): readonly Pack[] {
  return globSync(['pack.yaml', 'packs/*/pack.yaml', 'packs/*/*/pack.yaml'], { cwd: folder })
    .sort()
    .map((file) => readPack(sourceIn(folder, dirname(file), '', 'own')))
}

/** The same, of texts that were sent along with manifests. Rejects with `pack_invalid`. */
export async function packsAmong(files: readonly NamedText[]): Promise<readonly Pack[]> {
  const folders = new Map<string, { name: string; text: string }[]>()
  for (const { name, text } of files) {
    if (!/^packs\/[^/]+\/(?:[^/]+\/)?[^/]+$/.test(name) || !isPackFile(basename(name))) continue
    const folder = folders.get(dirname(name)) ?? []
    folder.push({ name: basename(name), text })
    folders.set(dirname(name), folder)
  }
  if (folders.size > MOST_SENT) {
    throw new AccessError('pack_invalid', `more than ${MOST_SENT} packs were sent along`)
  }
  const packs: Pack[] = []
  for (const [folder, own] of folders) {
    packs.push(readPack({ folder, files: own, from: 'own' }))
    await setImmediate()
  }
  return packs
}

/** Reading one holds up others for some milliseconds. */
const MOST_SENT = 100

function isPackFile(name: string): boolean {
  return (PACK_FILES as readonly string[]).includes(name)
}

function sourceIn(root: string, folder: string, prefix: string, from: PackSource['from']): PackSource {
  const files = PACK_FILES.filter((name) => globSync(name, { cwd: join(root, folder) }).length > 0)
  return {
    folder: prefix + folder,
    files: files.map((name) => ({ name, text: readFileSync(join(root, folder, name), 'utf8') })),
    from,
  }
}
