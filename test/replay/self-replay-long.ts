// `npm run replay:self`: makes the decisions of a company at work again, 100,000 of them unless a number is given.
import { openFleet } from '../../examples/fleet/fleet.ts'
import { workThroughChanges } from './work-through-changes.ts'

const wanted = Number(process.argv[2] ?? 100_000)
const fleet = await openFleet()
try {
  const started = performance.now()
  await workThroughChanges(fleet, wanted)
  await fleet.reopen()
  const played = performance.now()
  const found = await fleet.tenant.history.replaySelf({ first: 0, limit: Number.MAX_SAFE_INTEGER })
  const { decisions, agreed, disagreed, unreplayable, disagreements, records } = found
  const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`
  console.log(`${decisions} decisions in ${records} records, made in ${seconds(started, played)}`)
  console.log(`${agreed} come out the same, ${disagreed} otherwise; ${seconds(played, performance.now())}`)
  for (const [why, count] of Object.entries(unreplayable)) console.log(`${count} cannot be made again: ${why}`)
  for (const one of disagreements.slice(0, 20)) console.log(JSON.stringify(one))
  if (disagreed > 0 || agreed < wanted) process.exitCode = 1
} finally {
  await fleet.close()
}
