import {
  applyEdits,
  describeSchema,
  orderedEdits,
  type Renames,
  type Rewrite,
  renameInPolicies,
  renameInSchema,
  type SchemaDescription,
  type TextEdit,
} from '../../cedar/index.ts'
import { manifestError } from '../../identity/index.ts'
import { parseCases } from '../trial/case-file.ts'
import { openTrial, type Trial, type TrialWorld } from '../trial/trial.ts'
import { checkPlan } from './check-plan.ts'
import type { MigrationPlan } from './plan.ts'
import { renameInCases } from './rename-cases.ts'
import { renameInManifest, renameInPack, type YamlRewrite } from './rename-manifest.ts'
import { type RequestsAfter, requestsAfter } from './requests-after.ts'
import { splitTypes } from './split-types.ts'

interface NamedText {
  readonly name: string
  readonly text: string
}

/** A folder as it is: its world, and the texts that the world was made from. */
export interface FolderTexts {
  readonly world: TrialWorld
  readonly manifests: readonly NamedText[]
  readonly tests: readonly NamedText[]
  /** The files of packs that stand in the folder. */
  readonly packs: readonly NamedText[]
}

/** What a migration makes of a folder. Nothing is proven of it yet. */
export interface MigrationDraft {
  readonly files: readonly MigratedFile[]
  readonly renames: Renames
  readonly before: Trial
  readonly after: RequestsAfter
}

/** A file that changes. */
export interface MigratedFile {
  readonly name: string
  readonly before: string
  readonly after: string
  readonly edits: readonly TextEdit[]
}

/** Throws `manifest_invalid` with file and line of everything that cannot be done. */
export function draftMigration(plan: MigrationPlan, folder: FolderTexts): MigrationDraft {
  const { world } = folder
  const before = openTrial(world)
  const { grants, declared } = world.roles
  const roles = new Set([...declared, ...grants.map(({ role }) => role)])
  const checked = checkPlan(plan, {
    foundation: world.foundation,
    schema: before.schema,
    policies: world.policies,
    roles,
  })
  const added = folder.tests.flatMap((source) =>
    parseCases(source).map(({ entities }) => ({ file: source.name, entities })),
  )
  const renames: Renames = { ...checked, typeSplits: splitTypes(plan, before, added) }
  const after = requestsAfter(plan, renames, before)
  const schema = describeSchema(before.schema)
  const problems: string[] = []
  const files: MigratedFile[] = []
  const take = (source: NamedText, { edits, problems: found }: YamlRewrite): void => {
    problems.push(...found)
    if (edits.length === 0) return
    try {
      const ordered = orderedEdits(edits)
      files.push({ name: source.name, before: source.text, after: applyEdits(source.text, ordered), edits: ordered })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      problems.push(`${source.name}: ${error.message}: the plan would change one place in two ways; do it in two steps`)
    }
  }
  for (const source of folder.manifests) take(source, renameInManifest(source, renames))
  for (const file of world.policies) {
    // What packs come to is made anew from them.
    if (file.pack !== undefined) continue
    const rewrite =
      file.as === 'schema'
        ? renameInSchema(file.text, file.name, renames)
        : renameInPolicies(file.text, file.name, schema, renames)
    take(file, placed(rewrite))
  }
  for (const source of folder.packs) take(source, renameInPackFile(source, renames, schema, after))
  for (const source of folder.tests) {
    take(source, renameInTests(source, renames, after))
  }
  if (problems.length > 0) throw manifestError(problems)
  return { files, renames, before, after }
}

function renameInTests(source: NamedText, renames: Renames, after: RequestsAfter): YamlRewrite {
  const actions = parseCases(source).map((one) => ({ before: one.action, after: after.action(one) }))
  return renameInCases(source, renames, actions)
}

/** `pack.yaml`, statements, `example.yaml`, and cases. */
function renameInPackFile(
  source: NamedText,
  renames: Renames,
  schema: SchemaDescription,
  after: RequestsAfter,
): YamlRewrite {
  const { name, text } = source
  if (name.endsWith('.cedar')) return placed(renameInPolicies(text, name, schema, renames))
  if (/\.test\.ya?ml$/.test(name)) return renameInTests(source, renames, after)
  return name.endsWith('/pack.yaml') ? renameInPack(source, renames) : renameInManifest(source, renames)
}

function placed({ edits, problems }: Rewrite): YamlRewrite {
  return {
    edits,
    problems: problems.map(
      ({ position: { source, line, column }, message }) => `${source ?? ''}:${line}:${column}: ${message}`,
    ),
  }
}
