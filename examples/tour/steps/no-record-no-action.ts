import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { APIError } from 'openai'
import { openaiClient } from '../clients.ts'
import { expect } from '../expect.ts'
import { stage } from '../stage.ts'
import type { Tour } from '../tour.ts'

/** Without a log there is no action. */
export async function noRecordNoAction(tour: Tour): Promise<void> {
  const { credentials, data } = tour.sallyport
  stage.step(
    6,
    'No record, no action',
    'Another process takes the write lock of the log. What cannot be recorded does not happen: the gate closes, and opens again by itself.',
  )
  const openai = openaiClient(credentials, credentials.principals['chat-app']?.gateway_key ?? '')
  const ask = () =>
    openai.chat.completions.create({ model: 'demo-chat', messages: [{ role: 'user', content: 'Say: open' }] })
  const intruder = new DatabaseSync(join(data, 'tenants', 'demo.log.db'))
  try {
    intruder.exec('BEGIN IMMEDIATE')
    stage.line('then', 'tenants/demo.log.db is locked')
    const failure = await ask().catch((error: unknown) => error)
    expect(failure instanceof APIError && failure.status === 503, 'a call that cannot be recorded answers 503')
    stage.line('answer', failure.message)
    intruder.exec('ROLLBACK')
  } finally {
    intruder.close()
  }
  stage.line('then', 'the lock is released')
  const released = Date.now()
  let answer = ''
  while (answer === '' && Date.now() - released < OPENS_WITHIN_MS) {
    answer = await ask().then((completion) => completion.choices[0]?.message.content ?? '', closedStill)
  }
  expect(answer === 'open', 'the gate opens again')
  stage.line('answer', `${answer}, after ${Date.now() - released} ms`)
}

const OPENS_WITHIN_MS = 5_000

async function closedStill(failure: unknown): Promise<string> {
  expect(
    failure instanceof APIError && failure.status === 503,
    `the gate is closed or open, and nothing else: ${failure}`,
  )
  await sleep(50)
  return ''
}
