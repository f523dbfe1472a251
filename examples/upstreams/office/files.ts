import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The files of the office by their path with forward slashes, read once: nothing asked for later can leave the folder. */
export function readFiles(folder = join(import.meta.dirname, '..', 'files')): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  return new Map(names.map((name) => [name.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(name, 'utf8')]))
}
