// `npm run fuzz:cedar -- [--decisions N] [--seed N]`: compares the engine with the official implementation on made-up
// applications. Prints every disagreement with the seed that makes it again.
import { parseArgs } from 'node:util'
import { compareCase } from './cedar-differential.ts'

const { values } = parseArgs({
  options: { decisions: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const wanted = Number(values.decisions)
const first = Number(values.seed)
const started = Date.now()
let [decisions, disagreements, said] = [0, 0, 0]
let seed = first
for (; decisions < wanted; seed++) {
  const found = compareCase(seed)
  decisions += found.decisions
  disagreements += found.disagreements.length
  for (const disagreement of found.disagreements.slice(0, 1)) {
    if (said++ < 20) process.stdout.write(`${JSON.stringify(disagreement, undefined, 1)}\n`)
  }
}
const seconds = Math.round((Date.now() - started) / 1000)
process.stdout.write(
  `${decisions} decisions, ${disagreements} disagreements, seeds ${first} to ${seed - 1}, ${seconds} s\n`,
)
process.exit(disagreements === 0 ? 0 : 1)
