// `npm test [-- FILTER…]`: every test of the repository, or those whose path contains one of the filters.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const filters = process.argv.slice(2)
const files = globSync('{src,test,examples,bench,scripts}/**/*.test.ts', { cwd: root })
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort()
if (files.length === 0) {
  process.stderr.write(`no test file matches ${filters.join(', ')}\n`)
  process.exit(1)
}

const reporter = process.env.CI === undefined ? 'spec' : (process.env.SALLYPORT_TEST_REPORTER ?? 'spec')
const result = spawnSync(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', '--test', `--test-reporter=${reporter}`, '--test-timeout=180000', ...files],
  { cwd: root, stdio: 'inherit' },
)
process.exit(result.status ?? 1)
