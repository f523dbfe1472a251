// node examples/fleet/main.ts write: writes the company of the seed 1 to tenant/company.yaml.
// node examples/fleet/main.ts ask [--decisions 4000] [--seed 1]: lets the company work against a running Sallyport.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { askServer } from './ask.ts'
import { companyOf } from './company.ts'
import { FOLDER } from './fleet.ts'
import { manifestOf } from './manifest.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { decisions: { type: 'string', default: '4000' }, seed: { type: 'string', default: '1' } },
})
const [command] = positionals
if (command === 'write') writeFileSync(join(FOLDER, 'company.yaml'), manifestOf(companyOf()))
else if (command === 'ask') {
  const asked = await askServer({ decisions: Number(values.decisions), seed: Number(values.seed) })
  process.stdout.write(
    `${asked.decisions} decisions: ${asked.went} went ahead, ${asked.refused} were refused\n` +
      `of ${asked.misuse.went + asked.misuse.refused} by ${asked.misuse.who}, whom somebody has taken over: ` +
      `${asked.misuse.went} went ahead, ${asked.misuse.refused} were refused\n`,
  )
} else {
  process.stderr.write('usage: node examples/fleet/main.ts write | ask [--decisions 4000] [--seed 1]\n')
  process.exitCode = 2
}
