// `npm test [-- FILTER…]`: every test of the repository, or those whose path contains one of the filters. A skipped
// test is named at the end; where `CI` is set it fails the run.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
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

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-tests-'))
const skips = join(scratch, 'skipped')
const result = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-force-exit',
    '--test-timeout=180000',
    `--test-concurrency=${availableParallelism()}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'skip-reporter.ts')}`,
    `--test-reporter-destination=${skips}`,
    ...files,
  ],
  { cwd: root, stdio: 'inherit' },
)
const skipped = readFileSync(skips, 'utf8').trim()
rmSync(scratch, { recursive: true })
if (skipped !== '') process.stderr.write(`\nSKIPPED, so nothing is known about:\n${skipped.replace(/^/gm, '  ')}\n`)
process.exit(result.status !== 0 ? (result.status ?? 1) : skipped !== '' && process.env.CI !== undefined ? 1 : 0)
