import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for something that happens soon after what the test did. `limit` in milliseconds. */
export async function until(holds: () => boolean | Promise<boolean>, limit = 3_000): Promise<void> {
  for (const deadline = Date.now() + limit; Date.now() < deadline; await sleep(25)) if (await holds()) return
  assert.fail('it did not happen in time')
}
