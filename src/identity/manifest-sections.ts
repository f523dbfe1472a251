import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml'
import type { z } from 'zod'
import { errorText } from '../kernel/index.ts'
import { IdentityError } from './errors.ts'

/** The schema of each top-level key of a manifest. Every room contributes the schemas of its own sections. */
export type SectionSchemas = Readonly<Record<string, z.ZodType>>

/** A manifest that was read. A section that the file does not have is absent. */
export interface Sections<Schemas extends SectionSchemas> {
  readonly file: string
  readonly sections: { readonly [Name in keyof Schemas]?: z.output<Schemas[Name]> | undefined }
  /** `file:line` of the value at `path`, or of the nearest thing above it that the file has. */
  where(path: readonly PropertyKey[]): string
}

const MAX_BYTES = 8 * 1024 * 1024

/**
 * Reads a manifest (one YAML document). Throws `manifest_invalid` whose message names, for each problem, file, line,
 * key and what is wrong: broken YAML, a key that no schema knows, a value that its schema refuses.
 */
export function parseSections<Schemas extends SectionSchemas>(
  text: string,
  file: string,
  schemas: Schemas,
): Sections<Schemas> {
  if (text.length > MAX_BYTES) throw manifestError([`${file}: larger than ${MAX_BYTES} bytes`])
  const { value, where } = parseYaml(text, file)
  const sections: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [name, section] of Object.entries(value)) {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
    if (schema === undefined) {
      problems.push(`${where([name])}: unknown key \`${name}\``)
    } else if (section !== null) {
      const parsed = schema.safeParse(section)
      if (parsed.success) sections[name] = parsed.data
      else problems.push(...parsed.error.issues.flatMap((issue) => describe(issue, [name], where)))
    }
  }
  if (problems.length > 0) throw manifestError(problems)
  // Each section is the output of the schema of the same name, checked in the loop above.
  return { file, sections: sections as Sections<Schemas>['sections'], where }
}

const SHOWN = 10

/** One error for all the problems of a manifest; each problem already says where it is. */
export function manifestError(problems: readonly string[]): IdentityError {
  const more = problems.length > SHOWN ? [`and ${problems.length - SHOWN} more`] : []
  return new IdentityError('manifest_invalid', [...problems.slice(0, SHOWN), ...more].join('; '))
}

interface Yaml {
  readonly value: object
  readonly where: (path: readonly PropertyKey[]) => string
}

function parseYaml(text: string, file: string): Yaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, merge: true })
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line}`
  const problems = [
    ...[...document.errors, ...document.warnings].map((e) => `${at(e.pos[0])}: ${plain(e.message)}`),
    ...prototypeKeys(document).map((offset) => `${at(offset)}: unknown key \`__proto__\``),
  ]
  if (problems.length > 0) throw manifestError(problems)

  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw manifestError([`${file}: ${plain(errorText(error))}`])
  }
  if (value === null || value === undefined) return { value: {}, where: () => file }
  if (typeof value !== 'object' || Array.isArray(value)) throw manifestError([`${file}:1: not a map of sections`])

  return {
    value,
    where(path) {
      let offset = document.contents?.range?.[0] ?? 0
      let node: unknown = document.contents
      for (const segment of path) {
        const step = descend(isAlias(node) ? node.resolve(document) : node, segment)
        if (step === undefined) break
        offset = step.offset ?? offset
        node = step.node
      }
      return at(offset)
    },
  }
}

/** Where a map has the one key that a JavaScript object would swallow in silence. */
function prototypeKeys(document: Document): number[] {
  const found: number[] = []
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '__proto__') found.push(startOf(key) ?? 0)
    },
  })
  return found
}

function descend(node: unknown, segment: PropertyKey): { offset: number | undefined; node: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment))
    return pair === undefined ? undefined : { offset: startOf(pair.key), node: pair.value }
  }
  if (isSeq(node) && typeof segment === 'number') {
    const item = node.items[segment]
    return item === undefined ? undefined : { offset: startOf(item), node: item }
  }
  return undefined
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0] // keys and items of a parsed document are nodes
}

function describe(issue: z.core.$ZodIssue, above: readonly PropertyKey[], where: Yaml['where']): string[] {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${where([...path, key])}: unknown key \`${[...path, key].map(String).join('.')}\``)
  }
  const inner = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined
  return [`${where(path)}: \`${path.map(String).join('.')}\`: ${plain(inner ?? issue.message)}`]
}

function plain(message: string): string {
  const line = (message.split('\n')[0] ?? '').replace(/[.:]$/, '')
  return /^[A-Z][a-z]/.test(line) ? line.charAt(0).toLowerCase() + line.slice(1) : line
}
