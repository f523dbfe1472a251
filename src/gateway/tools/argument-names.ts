import type { Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { isObject } from './json-rpc.ts'

/**
 * Throws `arguments_invalid` when an argument differs from one that the tool's schema names only in case or in how its
 * letters are encoded. Some servers take `To` for `to`; policies do not.
 */
export function checkArgumentNames(definition: Json, args: Json): void {
  checkNames(isObject(definition) ? definition.inputSchema : undefined, args, 0)
}

function checkNames(schema: Json | undefined, value: Json, depth: number): void {
  if (depth > 64) return
  if (Array.isArray(value)) {
    const items = isObject(schema) ? schema.items : undefined
    for (const item of value) checkNames(items, item, depth + 1)
    return
  }
  if (!isObject(value)) return
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {}
  const declared = new Map(Object.keys(properties).map((name) => [fold(name), name]))
  for (const [name, child] of Object.entries(value)) {
    const other = Object.hasOwn(properties, name) ? undefined : declared.get(fold(name))
    if (other !== undefined) throw new GatewayError('arguments_invalid', `the argument \`${name}\` is not \`${other}\``)
    checkNames(Object.hasOwn(properties, name) ? properties[name] : undefined, child, depth + 1)
  }
}

function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}
