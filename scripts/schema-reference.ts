import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaReference } from '../src/access/index.ts'

// Writes docs/reference/schema.md; a test compares it with what this would write.
const root = join(import.meta.dirname, '..')
const schema = readFileSync(join(root, 'foundation/schema.cedarschema'), 'utf8')
writeFileSync(join(root, 'docs/reference/schema.md'), schemaReference(schema))
