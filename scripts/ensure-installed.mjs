// Runs before every npm script, on whatever Node the machine has: installs what the lockfile says when it is not there,
// then makes sure that the script itself will run on Node 24.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const mark = join(root, 'node_modules', '.sallyport-installed')

if (!existsSync(mark) || readFileSync(mark, 'utf8') !== wanted) {
  process.stderr.write('sallyport: installing dependencies (once) …\n')
  const started = Date.now()
  // `install --no-save`, not `ci`: it takes the same locked versions, but does not refuse where a registry lacks the
  // packages of other platforms.
  const result = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (result.status !== 0) {
    process.stderr.write('sallyport: npm install failed; what it said stands above\n')
    process.exit(1)
  }
  writeFileSync(mark, wanted)
  process.stderr.write(`sallyport: installed in ${Math.round((Date.now() - started) / 1000)} s\n`)
}

const own = join(root, 'node_modules', '.bin', 'node')
const hasOwn = existsSync(own) && statSync(own).isFile()
if (!hasOwn && Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `sallyport: needs Node 24, has ${process.versions.node}, and no Node package for ${process.platform}-${process.arch} could be installed\n`,
  )
  process.exit(1)
}
