// node examples/fleet/main.ts write: writes the company of the seed 1 to tenant/company.yaml.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { companyOf } from './company.ts'
import { FOLDER } from './fleet.ts'
import { manifestOf } from './manifest.ts'

const [command] = process.argv.slice(2)
if (command === 'write') writeFileSync(join(FOLDER, 'company.yaml'), manifestOf(companyOf()))
else {
  process.stderr.write('usage: node examples/fleet/main.ts write\n')
  process.exitCode = 2
}
