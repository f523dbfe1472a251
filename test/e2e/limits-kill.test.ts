import assert from 'node:assert/strict'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { openaiClient } from './clients.ts'
import { succeed } from './house.ts'

const CALLERS = 16
const RESERVED_AT_MOST = 150

test('a server that is killed under load remembers all that was used of a budget, and little more', async () => {
  let sallyport = await startSallyport()
  const { home } = sallyport
  try {
    await applyBudget(sallyport)
    let [least, acknowledged] = [0, 0]
    for (let kill = 0; kill < 2; kill++) {
      const tokens = await loadUntilKilled(sallyport)
      assert.ok(tokens.length > 0, 'it was killed before it answered anything')
      acknowledged += tokens.length
      least += tokens.reduce((sum, one) => sum + one, 0)
      sallyport = await startSallyport({ home })
      const used = await usedOf(sallyport)
      assert.ok(used >= least, `${used} are counted, and ${least} were used`)
      // What was under way stands at full, and so does what was settled in the last moments.
      const open = (kill + 1) * 4 * CALLERS
      assert.ok(used <= least + open * RESERVED_AT_MOST, `${used} are counted, and ${least} were used`)
    }
    assert.ok(acknowledged > CALLERS)
  } finally {
    await sallyport.stop()
    rmSync(home, { recursive: true, force: true })
  }
})

async function applyBudget(sallyport: Sallyport): Promise<void> {
  const demo = join(import.meta.dirname, '../../foundation/demo/policies/demo.cedar')
  copyFileSync(demo, join(sallyport.home, 'demo.cedar'))
  writeFileSync(
    join(sallyport.home, 'limits.cedar'),
    '@id("tokens") @budget("900000000 tokens/month") permit (principal, action == Action::"model:invoke", resource);',
  )
  const manifest = { policies: ['demo.cedar', { file: 'limits.cedar', as: 'limits' }] }
  writeFileSync(join(sallyport.home, 'tenant.yaml'), JSON.stringify(manifest))
  await succeed(sallyport, 'apply', '-f', join(sallyport.home, 'tenant.yaml'))
}

/** The tokens of each answer that a client has. */
async function loadUntilKilled(sallyport: Sallyport): Promise<readonly number[]> {
  const key = sallyport.credentials.principals['chat-app']?.gateway_key ?? assert.fail('no key')
  const openai = openaiClient(sallyport.credentials, key)
  const tokens: number[] = []
  let isKilled = false
  const caller = async (): Promise<void> => {
    while (!isKilled) {
      const messages = [{ role: 'user' as const, content: 'Say: hello' }]
      const answer = await openai.chat.completions
        .create({ model: 'demo-chat', max_tokens: 100, messages })
        .catch(() => undefined)
      if (answer?.usage !== undefined) tokens.push(answer.usage.total_tokens)
    }
  }
  const callers = Promise.all(Array.from({ length: CALLERS }, caller))
  while (tokens.length < CALLERS) await sleep(10)
  await sleep(Math.random() * 500)
  await sallyport.stop('SIGKILL')
  isKilled = true
  await callers
  return tokens
}

async function usedOf(sallyport: Sallyport): Promise<number> {
  const Shown = z.object({
    limits: z.array(z.object({ allowances: z.array(z.object({ used: z.array(z.object({ used: z.number() })) })) })),
  })
  const text = await succeed(sallyport, 'limits', '--json')
  const { limits } = Shown.parse({ limits: JSON.parse(text) })
  return limits[0]?.allowances[0]?.used[0]?.used ?? 0
}
