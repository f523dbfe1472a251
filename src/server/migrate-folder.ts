import { isUtf8 } from 'node:buffer'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import {
  draftMigration,
  type FolderTexts,
  type MigratedFile,
  type MigrationProof,
  parsePlan,
  parseUndo,
  proveMigration,
  type RecordedDecision,
  undoText,
} from '../access/index.ts'
import { errorText, type TenantId } from '../kernel/index.ts'
import { ServerError } from './errors.ts'
import { readPolicyFolder } from './policy-folder.ts'
import { type FileChange, finishWriting, isWriting, writeTogether } from './write-together.ts'

/** A migration of a folder that has been tried and not been written. */
export interface TriedMigration {
  readonly files: readonly MigratedFile[]
  readonly proof: MigrationProof
  /** Writes the files, and the inverse beside the plan: all of it or nothing. Gives the path of the inverse. */
  write(): string
}

export interface MigrationOptions {
  readonly tenant: TenantId
  readonly generated?: number | undefined
  /** Decisions that are to stay as they are, too. */
  readonly recorded?: readonly RecordedDecision[] | undefined
  readonly onProgress: (done: number, total: number) => void
}

/**
 * Tries a migration: what it would write is read and decided on from a copy of the folder, and the folder stays as it is.
 * Throws `manifest_invalid` with every problem of the plan and of what it is applied to.
 */
export async function tryMigration(
  planFile: string,
  folder: string,
  { tenant, generated, recorded, onProgress }: MigrationOptions,
): Promise<TriedMigration> {
  finishWriting(folder)
  const plan = parsePlan({ name: planFile, text: readText(planFile) })
  const texts = await readTexts(folder, tenant)
  const draft = draftMigration(plan, texts)
  for (const { name } of draft.files) {
    // What is no text would not be brought back as it was.
    if (!isUtf8(readFileSync(join(folder, name)))) {
      throw new ServerError('folder_invalid', `\`${name}\` is no text in UTF-8`)
    }
  }
  const copy = mkdtempSync(join(tmpdir(), 'sallyport-migration-'))
  try {
    const changed = new Map(draft.files.map(({ name, after }) => [name, after]))
    for (const name of namesIn(folder, texts)) {
      mkdirSync(dirname(join(copy, name)), { recursive: true })
      writeFileSync(join(copy, name), changed.get(name) ?? readText(join(folder, name)))
    }
    const after = await readTexts(copy, tenant)
    const steps = proveMigration(plan, draft, texts, after, {
      ...(generated === undefined ? {} : { generated }),
      ...(recorded === undefined ? {} : { recorded }),
    })
    for (;;) {
      const step = steps.next()
      if (step.done !== true) {
        onProgress(step.value.asked, step.value.planned)
        continue
      }
      return { files: draft.files, proof: step.value, write: () => writeMigration(planFile, folder, draft.files) }
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** Where the inverse of a migration is kept. */
function undoFileOf(planFile: string): string {
  return join(dirname(planFile), `${basename(planFile).replace(/\.ya?ml$/, '')}.undo.json`)
}

function writeMigration(planFile: string, folder: string, files: readonly MigratedFile[]): string {
  const undoFile = undoFileOf(planFile)
  const inverse = undoText(basename(planFile), files)
  const inFolder = nameWithin(folder, undoFile)
  const existing = textOrNothing(undoFile)
  if (existing !== undefined) {
    throw new ServerError('folder_invalid', `there is \`${undoFile}\` already: undo that migration first, or remove it`)
  }
  // Beside the folder it is there before anything changes; inside, together with the rest.
  if (inFolder === undefined) writeFileSync(undoFile, inverse)
  try {
    writeTogether(folder, [
      ...(inFolder === undefined ? [] : [{ name: inFolder, before: undefined, after: inverse }]),
      ...files,
    ])
  } catch (error) {
    // Of what was not even begun there is nothing to undo.
    if (inFolder === undefined && !isWriting(folder)) rmSync(undoFile)
    throw error
  }
  return undoFile
}

/** Brings a folder back to what it was before a migration, byte for byte. Gives the names of the files. */
export function undoMigration(planFile: string, folder: string): readonly FileChange[] {
  finishWriting(folder)
  const undoFile = undoFileOf(planFile)
  const files = parseUndo(undoFile, readText(undoFile)).map(({ name, restore }) => {
    const before = readText(join(folder, name))
    return { name, before, after: restore(before) }
  })
  return files
}

/** Writes what `undoMigration` gave, and takes the inverse away. */
export function writeUndo(planFile: string, folder: string, files: readonly FileChange[]): void {
  const undoFile = undoFileOf(planFile)
  const inFolder = nameWithin(folder, undoFile)
  const inverse = inFolder === undefined ? [] : [{ name: inFolder, before: readText(undoFile), after: undefined }]
  writeTogether(folder, [...files, ...inverse])
  if (inFolder === undefined) rmSync(undoFile)
}

function nameWithin(folder: string, file: string): string | undefined {
  const way = relative(resolve(folder), resolve(file))
  return way.startsWith(`..${sep}`) || way === '..' ? undefined : way
}

async function readTexts(folder: string, tenant: TenantId): Promise<FolderTexts> {
  const { world, tests, manifests } = await readPolicyFolder(folder, tenant)
  const packs = packFiles(folder).map((name) => ({ name, text: readText(join(folder, name)) }))
  return { world, tests, manifests, packs }
}

function packFiles(folder: string): readonly string[] {
  return globSync('packs/**/*.{yaml,cedar}', { cwd: folder }).sort()
}

function namesIn(folder: string, { world, tests, manifests }: FolderTexts): ReadonlySet<string> {
  const own = world.policies.filter(({ pack }) => pack === undefined)
  return new Set([...[...manifests, ...tests, ...own].map(({ name }) => name), ...packFiles(folder)])
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ServerError('folder_invalid', `cannot read \`${path}\``, { detail: errorText(error), cause: error })
  }
}

function textOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
