import { accessToken, openaiClient } from '../clients.ts'
import { denialOf } from '../denial.ts'
import { expect } from '../expect.ts'
import { stage } from '../stage.ts'
import { showDenial, type Tour } from '../tour.ts'

const WORDS_BEFORE = 5

/** The sponsor is suspended; her agent stops in the middle of a word. */
export async function suspension(tour: Tour): Promise<void> {
  const { credentials } = tour.sallyport
  stage.step(
    5,
    'Somebody is suspended',
    'While the agent is listening to a slow answer, alice is suspended. An agent acts only while the human who answers for it is in good standing.',
  )
  const { token } = await accessToken(credentials, 'research-assistant')
  const openai = openaiClient(credentials, token)
  const messages = [{ role: 'user' as const, content: 'Please count to 100.' }]
  stage.line('request', "chat.completions.create({ model: 'demo-slow', stream: true, … })")
  const stream = await openai.chat.completions.create({ model: 'demo-slow', messages, stream: true })
  const words: string[] = []
  let suspended = 0
  let command: Promise<unknown> = Promise.resolve()
  const failure = await listen().catch((error: unknown) => error)
  async function listen(): Promise<void> {
    for await (const chunk of stream) {
      const word = chunk.choices[0]?.delta.content ?? ''
      if (word !== '') words.push(word)
      if (words.length === WORDS_BEFORE && suspended === 0) {
        suspended = Date.now()
        command = tour.sallyport.cli('suspend', 'alice').then(({ ok, stderr }) => {
          expect(ok, `sallyport suspend alice: ${stderr.trim()}`)
        })
      }
    }
  }
  const ended = Date.now()
  await command
  stage.line('model', `${words.join('')} …`)
  stage.line('then', `sallyport suspend alice: the stream ended ${ended - suspended} ms after the command began`)
  expect(failure !== undefined && words.length < 100, 'the open stream of the agent ends')
  const next = await openai.chat.completions.create({ model: 'demo-chat', messages }).catch((error: unknown) => error)
  stage.line('request', 'the next call of the same agent, with the same token')
  const denied = denialOf(next)
  expect(denied !== undefined, `the agent's next call is denied (it ended with: ${String(next)})`)
  showDenial(denied)
  const resumed = await tour.sallyport.cli('resume', 'alice')
  expect(resumed.ok, `sallyport resume alice: ${resumed.stderr.trim()}`)
  stage.line('then', 'sallyport resume alice')
}
