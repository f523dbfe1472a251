import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from '../expect.ts'
import { stage } from '../stage.ts'
import type { Tour } from '../tour.ts'

/** One request from person to record; then the log is checked, and a copy of it is forged. */
export async function traceAndVerify(tour: Tour): Promise<void> {
  stage.step(
    7,
    'What happened, and whether it is true',
    'Everything that was done for one request carries its id. This is step 3 again, as the log tells it.',
  )
  const { injection, sallyport } = tour
  expect(injection !== undefined, 'step 3 left a request id')
  const trace = await sallyport.cli('trace', injection.txn)
  expect(trace.ok, `sallyport trace: ${trace.stderr.trim()}`)
  stage.quote(`sallyport trace ${injection.txn}`, trace.stdout)
  for (const part of [
    'research-assistant',
    'demo-chat',
    'office/send_message',
    'foundation/untrusted-origin',
    'tool:office',
  ]) {
    expect(trace.stdout.includes(part), `the trace names ${part}`)
  }

  const verified = await sallyport.cli('log', 'verify')
  expect(verified.ok, `sallyport log verify: ${verified.stderr.trim()}`)
  stage.quote('sallyport log verify', verified.stdout)

  const copy = forgedCopy(tour, injection.record)
  stage.line('then', `a copy of the log, in which record ${injection.record}, the denial, was changed`)
  const keys = join(sallyport.data, 'tenants', 'demo.log.keys')
  const caught = await sallyport.cli('log', 'verify', '--file', copy, '--keys', keys)
  stage.quote('sallyport log verify --file copy.log.db', caught.stdout)
  expect(!caught.ok, 'a forged log does not verify')
  expect(new RegExp(`record ${injection.record}\\b`).test(caught.stdout), 'verification names the record')
}

/** Copies the log and changes one bit of one record, as somebody would who wants a denial to be another one. */
function forgedCopy({ sallyport }: Tour, record: number): string {
  const copy = join(sallyport.home, 'copy.log.db')
  const log = new DatabaseSync(join(sallyport.data, 'tenants', 'demo.log.db'), { readOnly: true })
  log.prepare('VACUUM INTO ?').run(copy)
  log.close()
  const forged = new DatabaseSync(copy)
  const { leaf } = forged.prepare('SELECT leaf FROM records WHERE idx = ?').get(record) ?? {}
  expect(leaf instanceof Uint8Array, `record ${record} is in the log`)
  const changed = Uint8Array.from(leaf, (byte, at) => (at === leaf.length - 1 ? byte ^ 1 : byte))
  forged.prepare('UPDATE records SET leaf = ? WHERE idx = ?').run(changed, record)
  forged.close()
  return copy
}
