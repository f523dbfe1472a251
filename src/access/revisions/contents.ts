import { AccessError } from '../errors.ts'
import { type Layer, type PolicyFile, targetOf } from '../layers.ts'
import { isTestFile, type TestFile } from './address.ts'

/** Of one revision. A text counts by its bytes as UTF-8. */
const MOST_FILES = 1000
const MOST_BYTES = 33_554_432
/** Of all its test cases: reading YAML is slow, and lets nobody have a turn. */
const MOST_TEST_BYTES = 2_097_152
const LONGEST_NAME = 1024

/**
 * Throws `revision_invalid` for what no revision of this layer can hold. A name of a file is a name: it never becomes a
 * path here, but it does where somebody writes the files of a revision into a folder.
 */
export function checkContents(layer: Layer, files: readonly (PolicyFile | TestFile)[]): void {
  if (layer.kind === 'foundation') throw invalid('the foundation ships with the product')
  const target = targetOf(layer)
  if (target !== undefined && !isId(target.id)) throw invalid(`\`${target.id}\` is no id`)
  if (files.length > MOST_FILES) throw invalid(`more than ${MOST_FILES} files`)
  if (bytesOf(files) > MOST_BYTES) throw invalid(`more than ${MOST_BYTES} bytes`)
  if (bytesOf(files.filter(({ as }) => as === 'tests')) > MOST_TEST_BYTES) {
    throw invalid(`more than ${MOST_TEST_BYTES} bytes of test cases`)
  }
  const names = new Set<string>()
  let schemas = 0
  for (const file of files) {
    const problem = nameProblem(file.name)
    if (problem !== undefined) throw invalid(`the name of \`${file.name.slice(0, 100)}\` ${problem}`)
    if (names.has(file.name)) throw invalid(`two files are called \`${file.name}\``)
    names.add(file.name)
    if (file.as !== 'schema') continue
    if (layer.kind !== 'tenant') throw invalid(`\`${file.name}\`: a schema belongs to the tenant`)
    if (++schemas > 1) throw invalid('there is more than one schema')
  }
  for (const file of files.filter((one) => !isTestFile(one))) {
    // Whoever may push for one layer must not speak for another.
    if (JSON.stringify((file as PolicyFile).layer ?? { kind: 'tenant' }) !== JSON.stringify(layer)) {
      throw invalid(`\`${file.name}\` is of another layer`)
    }
  }
}

export function bytesOf(files: readonly { readonly name: string; readonly text: string }[]): number {
  let bytes = 0
  for (const { name, text } of files) bytes += Buffer.byteLength(name) + Buffer.byteLength(text)
  return bytes
}

function nameProblem(name: string): string | undefined {
  if (name.length === 0 || name.length > LONGEST_NAME) return `is empty, or longer than ${LONGEST_NAME} characters`
  if (!name.isWellFormed() || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return 'has characters that cannot be seen'
  if (name.includes('\\') || name.startsWith('/')) return 'is not relative to a folder'
  if (name.split('/').some((part) => part === '' || part === '..')) return 'is not below a folder'
  if (name.split('/')[0]?.toLowerCase() === 'foundation') return 'is one of what ships with the product'
  return undefined
}

function isId(id: string): boolean {
  return id.length > 0 && id.length <= 128 && id.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(id)
}

function invalid(message: string): AccessError {
  return new AccessError('revision_invalid', `the revision cannot be kept: ${message}`)
}
