import { existsSync } from 'node:fs'
import { z } from 'zod'
import type { PolicyFile, TestFile, TrialWorld } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import type { ApiClient } from '../client.ts'
import { lineDiff } from './line-diff.ts'
import { isAddress, readRevision } from './stored-revision.ts'

/** One side of a comparison. */
export interface DiffSide {
  /** Of a folder, and of a revision that was pushed with tests: what its tests suppose. */
  readonly world: TrialWorld
  readonly hasWorld: boolean
  /** The files of a layer, and the tests that came with it. */
  files(layer: string | undefined): readonly { readonly name: string; readonly text: string }[]
  /** The one that a revision is of; undefined for a folder. */
  readonly layer: string | undefined
}

/** How each file was changed, where one side is a revision: two folders are for other tools to compare as text. */
export function changedText(before: DiffSide, after: DiffSide): readonly FileChange[] {
  const layer = before.layer ?? after.layer
  if (layer === undefined) return []
  const texts = (side: DiffSide) => new Map(side.files(layer).map(({ name, text }) => [name, text]))
  const [was, is] = [texts(before), texts(after)]
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((name): readonly FileChange[] => {
    const lines = lineDiff(was.get(name) ?? '', is.get(name) ?? '')
    const isSame = was.has(name) && is.has(name) && lines.length === 0
    return isSame ? [] : [{ name, change: !was.has(name) ? 'added' : is.has(name) ? 'changed' : 'removed', lines }]
  })
}

export interface FileChange {
  readonly name: string
  readonly change: 'added' | 'changed' | 'removed'
  readonly lines: readonly string[]
}

const wholeSchema = z.object({ files: z.array(z.looseObject({ name: z.string(), text: z.string() })) })

/**
 * A folder, or where there is none of this name, a revision on the server: it stands for all that would be in force
 * together if it were active.
 */
export async function diffSide(name: string, tenant: TenantId, client: () => ApiClient): Promise<DiffSide> {
  const { layerKey, settingOf } = await import('../../access/index.ts')
  const { readFoundation, readPolicyFolder } = await import('../../server/index.ts')
  if (existsSync(name) || !isAddress(name)) {
    const { world, tests } = await readPolicyFolder(name, tenant)
    return {
      world,
      hasWorld: true,
      layer: undefined,
      files: (of) => [
        ...world.policies.filter(({ layer }) => of === (layer === undefined ? 'tenant' : layerKey(layer))),
        ...tests,
      ],
    }
  }
  const api = client()
  const revision = await readRevision(api, name)
  const { files } = wholeSchema.parse(await api.call('GET', `/api/policy/revisions/${revision.revision}/whole`))
  const kept = revision.files.find(({ as }) => as === 'setting')
  const setting = settingOf(kept === undefined ? undefined : ({ ...kept, as: 'setting' } satisfies TestFile))
  // As the server has them, which has checked them.
  const policies = files as unknown as readonly PolicyFile[]
  return {
    world: { tenant, foundation: readFoundation(), policies, ...setting },
    hasWorld: kept !== undefined,
    layer: revision.layer,
    files: () => revision.files.filter(({ as }) => as !== 'setting'),
  }
}

/** Both sides over the same people and things, where only one of them knows any. */
export function sharedWorlds(before: DiffSide, after: DiffSide): readonly [TrialWorld, TrialWorld] {
  const withWorldOf = (side: DiffSide, other: DiffSide): TrialWorld => {
    if (side.hasWorld || !other.hasWorld) return side.world
    const { roles, entities, hours } = other.world
    return { ...side.world, roles, entities, hours }
  }
  return [withWorldOf(before, after), withWorldOf(after, before)]
}
