// The long run: `npm run faults:log [-- KILLS]`, 1000 kills where no number is given.
import { logFixture } from '../../src/audit/log-fixture.ts'
import { killUnderLoad } from './log-kill.ts'

const total = Number(process.argv[2] ?? 1000)
// A log of its own for every hundred kills, so that verifying from the first record stays quick.
const perLog = 100
let kills = 0
let acknowledged = 0
while (kills < total) {
  using place = logFixture()
  const run = await killUnderLoad(place, Math.min(perLog, total - kills), (done) => {
    process.stdout.write(`\r${kills + done.kills} kills, ${acknowledged + done.acknowledged} records acknowledged`)
  })
  kills += run.kills
  acknowledged += run.acknowledged
}
process.stdout.write(
  `\n${kills} kills under load: all ${acknowledged} acknowledged records are there, and the log verifies\n`,
)
