import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Foundation } from '../access/index.ts'

const FOUNDATION = join(import.meta.dirname, '../../foundation')

/** Schema, guardrails and roles that ship with the product. */
export function readFoundation(): Foundation {
  const files = (pattern: string) =>
    globSync(pattern, { cwd: FOUNDATION })
      .sort()
      .map((name) => ({ name: `foundation/${name}`, text: readFileSync(join(FOUNDATION, name), 'utf8') }))
  return {
    schema: readFileSync(join(FOUNDATION, 'schema.cedarschema'), 'utf8'),
    policies: files('policies/**/*.cedar'),
    roles: files('roles/*.cedar'),
  }
}
