import { createHash } from 'node:crypto'
import type { Steps } from '../../cedar/index.ts'
import { canonicalJson, type Json } from '../../kernel/index.ts'
import { type Layer, layerOf, type PolicyFile } from '../layers.ts'
import { layerKey } from './layer-key.ts'

/** A file that tests policies and decides nothing: cases, or the people and things that they speak of. */
export interface TestFile {
  readonly name: string
  readonly text: string
  readonly as: 'tests' | 'setting'
}

/** SHA-256, 64 hex digits, of everything that a file says: text, name, layer, and whatever else it has. */
export function fileAddress(file: PolicyFile | TestFile): string {
  const { text, ...rest } = isTestFile(file) ? file : policyForm(file)
  // Fields are text and JSON: what they are made from was.
  const fields = { ...rest, text: sha256(text) } as unknown as Json
  return sha256(`sallyport policy file\n${canonicalJson(fields)}`)
}

/** Of one layer's files, in whatever order they are given. */
export function revisionAddress(layer: Layer, files: readonly (PolicyFile | TestFile)[]): string {
  return digestOf(`sallyport policy revision\n${layerKey(layer)}`, files.map(fileAddress))
}

/**
 * Of everything that decides together: the schema of the foundation, its policies, and those of every layer. Who has
 * which role is no part of it, nor are lists: they change without anybody changing policies.
 */
export function* wholeAddress(schema: string, files: readonly PolicyFile[]): Steps<string> {
  const addresses: string[] = []
  for (const file of files) {
    addresses.push(fileAddress(file))
    yield
  }
  return digestOf(`sallyport policies\n${sha256(schema)}`, addresses)
}

/** What people are shown of an address. */
export function shortAddress(address: string): string {
  return address.slice(0, 12)
}

export function isTestFile(file: PolicyFile | TestFile): file is TestFile {
  return file.as === 'tests' || file.as === 'setting'
}

function policyForm(file: PolicyFile): PolicyFile {
  return { ...file, layer: layerOf(file), as: file.as ?? 'grants' }
}

function digestOf(head: string, addresses: readonly string[]): string {
  return sha256([head, ...[...addresses].sort()].join('\n'))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
