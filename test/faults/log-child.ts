// Appends under load until it is killed; prints the index and the txn of each record once it is acknowledged.
// SALLYPORT_KILL_AT is a kill point in JSON, where it is to kill itself. `node log-child.ts FILE SEALING_KEY_HEX SIGNING_KEY_PEM_BASE64`
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openLog } from '../../src/audit/index.ts'
import { openLogDatabase } from '../../src/audit/log-database.ts'
import { decision, origin, outcome, tenant } from '../../src/audit/log-fixture.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { FAULTS, faultyDatabases } from './log-faulty-database.ts'
import type { KillPoint } from './log-kill.ts'

const [file = '', sealing = '', signing = ''] = process.argv.slice(2)
const privateKey = createPrivateKey(Buffer.from(signing, 'base64').toString('utf8'))
const keys = {
  signer: { privateKey, publicKey: createPublicKey(privateKey) },
  sealing: createSecretKey(Buffer.from(sealing, 'hex')),
}
const at: KillPoint | undefined = JSON.parse(process.env.SALLYPORT_KILL_AT ?? 'null') ?? undefined
const opening = at === undefined ? {} : faultyDatabases(at.write, at.occurrence, FAULTS[at.fault], openLogDatabase)
const pause = new Int32Array(new SharedArrayBuffer(4))
const log = await openLog({
  file,
  tenant,
  origin,
  keys,
  clock: systemClock,
  checkpointDelay: 20,
  moveAfter: 500_000,
  ...opening,
})
tell('open')
// Nobody is to be left running where the kill does not come.
setTimeout(() => process.exit(3), 20_000).unref()

// Whole lines only; a reader that is slow on a busy machine is waited for.
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

async function caller(): Promise<never> {
  for (;;) {
    const asked = decision({ at: Date.now() })
    const index = await log.append(asked)
    tell(`${index} ${asked.txn}`)
    const answered = await log.append(outcome(index, asked.txn, Date.now()))
    tell(`${answered} ${asked.txn}`)
  }
}
await Promise.all(Array.from({ length: 64 }, caller))
