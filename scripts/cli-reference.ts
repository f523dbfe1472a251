import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cliReference } from '../src/cli/cli-reference.ts'
import { sallyport } from '../src/cli/program.ts'

// Writes docs/reference/cli.md; a test compares it with what this would write.
writeFileSync(join(import.meta.dirname, '../docs/reference/cli.md'), cliReference(sallyport()))
