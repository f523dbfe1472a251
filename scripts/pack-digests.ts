// Records the digests of packs that are new. A version that has been recorded keeps its digest: a change in place is
// refused, and needs a version of its own. Run it with: node scripts/pack-digests.ts
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { digestLine, PACK_DIGESTS, shippedPacks } from '../src/server/packs.ts'

const lines = existsSync(PACK_DIGESTS) ? readFileSync(PACK_DIGESTS, 'utf8').split('\n').filter(Boolean) : []
for (const pack of shippedPacks()) {
  const line = digestLine(pack)
  const recorded = lines.find((one) => one.startsWith(`${pack.name} ${pack.version} `))
  if (recorded === undefined) lines.push(line)
  else if (recorded !== line) {
    console.error(`${pack.name} ${pack.version} has changed since it was recorded: give it a new version`)
    process.exitCode = 1
  }
}
writeFileSync(PACK_DIGESTS, `${lines.sort().join('\n')}\n`)
