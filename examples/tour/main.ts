// `npm run tour`: the story of Sallyport in the terminal. It starts a Sallyport of its own, and fails when the story does
// not hold.
import { type Sallyport, startSallyport } from './sallyport.ts'
import { stage } from './stage.ts'
import { agentAtWork, injectedInstruction } from './steps/agent-at-work.ts'
import { noRecordNoAction } from './steps/no-record-no-action.ts'
import { noTools } from './steps/no-tools.ts'
import { suspension } from './steps/suspension.ts'
import { traceAndVerify } from './steps/trace-and-verify.ts'
import { unmodifiedClient } from './steps/unmodified-client.ts'
import type { Tour } from './tour.ts'

const STEPS = [
  unmodifiedClient,
  agentAtWork,
  injectedInstruction,
  noTools,
  suspension,
  noRecordNoAction,
  traceAndVerify,
]

const began = Date.now()
let sallyport: Sallyport | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.resolve(sallyport?.remove()).finally(() => process.exit(130))
  })
}
try {
  sallyport = await startSallyport()
  stage.title('Sallyport: the tour', sallyport.credentials.issuer)
  const tour: Tour = { sallyport }
  for (const step of STEPS) await step(tour)
  stage.end(`Seven steps, every one as told, in ${((Date.now() - began) / 1000).toFixed(1)} s.`)
} catch (error) {
  process.stderr.write(`\nthe story does not hold: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await sallyport?.remove()
}
