import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { z } from 'zod'
import { errorText } from '../kernel/index.ts'
import { ServerError } from './errors.ts'

/** A file that is to have another text. */
export interface FileChange {
  /** Relative to the folder. */
  readonly name: string
  /** What it has now; `undefined` where there is no such file. */
  readonly before: string | undefined
  /** `undefined` takes it away. */
  readonly after: string | undefined
}

const JOURNAL = '.sallyport-writing.json'
const NEW = '.sallyport-new'
const journalSchema = z.strictObject({ files: z.array(z.string()), gone: z.array(z.string()) })

/**
 * Writes all of the files, or none. INVARIANT: new texts are on disk before the journal names them, and the journal is
 * on disk before the first file changes; whoever is interrupted after that is finished by the next call. Throws
 * `folder_invalid` where a file is not what it was, or cannot be written; then nothing has changed.
 */
export function writeTogether(folder: string, changes: readonly FileChange[]): void {
  const root = realpathSync(folder)
  const pathOf = (name: string): string => within(root, name)
  for (const { name, before } of changes) {
    if (textAt(pathOf(name)) !== before) throw invalid(`\`${name}\` has changed meanwhile; nothing was written`)
  }
  const kept = changes.filter(({ after }) => after !== undefined)
  const temporary: string[] = []
  const journal = join(root, JOURNAL)
  try {
    for (const { name, after } of kept) {
      const path = pathOf(name)
      temporary.push(`${path}${NEW}`)
      writeDurably(`${path}${NEW}`, after ?? '', existsSync(path) ? statSync(path).mode : undefined)
    }
    const gone = changes.filter(({ after }) => after === undefined).map(({ name }) => name)
    writeDurably(`${journal}${NEW}`, JSON.stringify({ files: kept.map(({ name }) => name), gone }))
    renameSync(`${journal}${NEW}`, journal)
    syncFolder(root)
  } catch (error) {
    // The journal first: without the new texts it would only take files away.
    for (const path of [journal, ...temporary, `${journal}${NEW}`]) rmSync(path, { force: true })
    throw invalid('the folder cannot be written; nothing has changed', error)
  }
  finishWriting(folder)
}

/** Whether something was begun and is not finished. */
export function isWriting(folder: string): boolean {
  return existsSync(join(folder, JOURNAL))
}

/** Finishes what was begun and interrupted; says whether there was something. Throws `folder_invalid`. */
export function finishWriting(folder: string): boolean {
  const root = realpathSync(folder)
  const journal = join(root, JOURNAL)
  const text = textAt(journal)
  if (text === undefined) return false
  try {
    const { files, gone } = journalSchema.parse(JSON.parse(text))
    const folders = new Set([root])
    for (const name of files) {
      const path = within(root, name)
      if (existsSync(`${path}${NEW}`)) renameSync(`${path}${NEW}`, path)
      folders.add(dirname(path))
    }
    for (const name of gone) rmSync(within(root, name), { force: true })
    for (const one of folders) syncFolder(one)
    rmSync(journal)
  } catch (error) {
    throw invalid(`what was begun in \`${folder}\` cannot be finished (\`${JOURNAL}\`)`, error)
  }
  return true
}

/** A link is followed, and must not lead out of the folder. */
function within(root: string, name: string): string {
  const path = join(root, name)
  const real = existsSync(path) ? realpathSync(path) : path
  const way = relative(root, real)
  if (way === '..' || way.startsWith(`..${sep}`)) throw invalid(`\`${name}\` is not below the folder`)
  return real
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (!existsSync(path)) return undefined
    throw invalid(`cannot read \`${path}\``, error)
  }
}

/** A new file: what is there under this name already may be a link to somewhere else. */
function writeDurably(path: string, text: string, mode?: number): void {
  rmSync(path, { force: true })
  const file = openSync(path, 'wx')
  try {
    // All of it, however much the disk takes at once.
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  if (mode !== undefined) chmodSync(path, mode)
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('folder_invalid', message, cause === undefined ? {} : { detail: errorText(cause), cause })
}
