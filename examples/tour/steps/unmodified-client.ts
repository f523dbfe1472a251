import { openaiClient } from '../clients.ts'
import { expect } from '../expect.ts'
import { stage } from '../stage.ts'
import { showDecisions, type Tour } from '../tour.ts'

/** An OpenAI client, after one changed base URL and with a gateway key. */
export async function unmodifiedClient(tour: Tour): Promise<void> {
  const { credentials } = tour.sallyport
  stage.step(
    1,
    'An unmodified OpenAI client',
    'The chat application can hold one static secret: a gateway key, hashed at rest, for models only. It changed its base URL, and nothing else.',
  )
  stage.line('request', `new OpenAI({ baseURL: '${credentials.gateway.openai}', apiKey: 'spk_…' })`)
  stage.line('', "chat.completions.create({ model: 'demo-chat', … })")
  const openai = openaiClient(credentials, credentials.principals['chat-app']?.gateway_key ?? '')
  const content =
    'Please summarise: The gate has two doors. Only one of them is ever open. This is the third sentence. More.'
  const { data, response } = await openai.chat.completions
    .create({ model: 'demo-chat', messages: [{ role: 'user', content }] })
    .withResponse()
  const answer = data.choices[0]?.message.content ?? ''
  stage.line('answer', answer)
  expect(answer.startsWith('Summary: The gate has two doors.'), 'the model answers through the gateway')
  const txn = response.headers.get('sallyport-txn') ?? ''
  const decisions = await showDecisions(tour, txn)
  expect(decisions.length === 1 && decisions[0]?.decision === 'allow', 'one decision, allowed, is in the log')
}
