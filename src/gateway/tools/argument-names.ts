import type { Json } from '../../kernel/index.ts'
import type { ToolEntry } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import { isObject } from './json-rpc.ts'

/**
 * Throws `arguments_invalid` when an argument differs from one that the tool's schema names, or that is guarded, only in
 * case or in how its letters are encoded. Some servers take `To` for `to`; policies do not.
 */
export function checkArgumentNames(tool: Pick<ToolEntry, 'definition' | 'guarded'>, args: Json): void {
  const { definition, guarded } = tool
  const paths = guarded.map((pointer) => pointer.slice(1).split('/').map(unescapePointer))
  checkNames(isObject(definition) ? definition.inputSchema : undefined, paths, args, 0)
}

type Path = readonly string[]

function checkNames(schema: Json | undefined, guarded: readonly Path[], value: Json, depth: number): void {
  if (depth > 64) return
  if (Array.isArray(value)) {
    const items = isObject(schema) ? schema.items : undefined
    for (const [index, item] of value.entries()) {
      if (isContainer(item)) checkNames(items, below(guarded, String(index)), item, depth + 1)
    }
    return
  }
  if (!isObject(value)) return
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {}
  const names = new Set([...Object.keys(properties), ...guarded.flatMap(([first]) => first ?? [])])
  const declared = new Map([...names].map((name) => [fold(name), name]))
  for (const [name, child] of Object.entries(value)) {
    const other = names.has(name) ? undefined : declared.get(fold(name))
    if (other !== undefined) throw new GatewayError('arguments_invalid', `the argument \`${name}\` is not \`${other}\``)
    if (!isContainer(child)) continue
    checkNames(Object.hasOwn(properties, name) ? properties[name] : undefined, below(guarded, name), child, depth + 1)
  }
}

function isContainer(value: Json): boolean {
  return typeof value === 'object' && value !== null
}

/** What is guarded in the member of this name. */
function below(guarded: readonly Path[], name: string): readonly Path[] {
  return guarded.flatMap(([first, ...rest]) => (first === name && rest.length > 0 ? [rest] : []))
}

function unescapePointer(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}

function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}
