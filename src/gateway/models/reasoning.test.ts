import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ANTHROPIC_REASONING } from './anthropic-answer.ts'
import { OPENAI_REASONING } from './openai-answer.ts'
import { StreamedReasoning } from './streamed-reasoning.ts'
import { startTestGateway, type Upstream } from './test-gateway.ts'

const SHORT = 'The user wants mail.\nCarol was named.'
const CALL = { id: 'a', type: 'function', function: { name: 'send', arguments: '{"to":"carol@example.com"}' } }
const INPUT = { to: 'carol@example.com' }

interface Dialect {
  readonly path: string
  readonly ask: object
  whole(thought: string, calls: boolean): object
  stream(thoughts: readonly string[], calls: boolean): readonly object[]
}

const choice = (member: 'message' | 'delta', content: object, finish: string | null = null) => ({
  choices: [{ index: 0, [member]: content, finish_reason: finish }],
})

/** What DeepSeek and vLLM call it, and what OpenRouter does. */
function openAi(name: string): Dialect {
  const thinking = (thought: string) => (name === 'reasoning_details' ? [{ type: 'r', text: thought }] : thought)
  return {
    path: 'openai/v1/chat/completions',
    ask: { model: 'chat', messages: [{ role: 'user', content: 'write to carol@example.com' }] },
    whole: (thought, calls) =>
      choice('message', {
        role: 'assistant',
        content: 'Done.',
        [name]: thinking(thought),
        ...(calls ? { tool_calls: [CALL] } : {}),
      }),
    stream: (thoughts, calls) => [
      ...thoughts.map((thought) => choice('delta', { [name]: thinking(thought) })),
      choice('delta', { content: 'Done.' }),
      ...(calls ? [choice('delta', { tool_calls: [{ index: 0, ...CALL }] })] : []),
      choice('delta', {}, calls ? 'tool_calls' : 'stop'),
    ],
  }
}

const anthropic: Dialect = {
  path: 'anthropic/v1/messages',
  ask: { model: 'claude', max_tokens: 9, messages: [{ role: 'user', content: 'write to carol@example.com' }] },
  whole: (thought, calls) => ({
    type: 'message',
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: thought, signature: 's' },
      { type: 'text', text: 'Done.' },
      ...(calls ? [{ type: 'tool_use', id: 'a', name: 'send', input: INPUT }] : []),
    ],
  }),
  stream: (thoughts, calls) => [
    { type: 'message_start', message: { type: 'message', role: 'assistant', content: [] } },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    ...thoughts.map((thinking) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'thinking_delta', thinking },
    })),
    { type: 'content_block_stop', index: 0 },
    ...(calls
      ? [
          {
            type: 'content_block_start',
            index: 1,
            content_block: { type: 'tool_use', id: 'a', name: 'send', input: {} },
          },
          {
            type: 'content_block_delta',
            index: 1,
            delta: { type: 'input_json_delta', partial_json: JSON.stringify(INPUT) },
          },
          { type: 'content_block_stop', index: 1 },
        ]
      : []),
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } },
    { type: 'message_stop' },
  ],
}

const DIALECTS = {
  'reasoning_content of OpenAI’s protocol': openAi('reasoning_content'),
  'reasoning of OpenAI’s protocol': openAi('reasoning'),
  'reasoning_details of OpenAI’s protocol': openAi('reasoning_details'),
  'thinking blocks of Anthropic’s protocol': anthropic,
}

function answering(dialect: Dialect, thoughts: readonly string[], calls: boolean): Upstream {
  return async ({ body }, response) => {
    if (!body.includes('"stream":true')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(dialect.whole(thoughts.join(''), calls)))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const events = dialect.stream(thoughts, calls).map((event) => `data: ${JSON.stringify(event)}\n\n`)
    // In pieces that do not end where events do.
    for (const piece of events.join('').match(/[\s\S]{1,700}/g) ?? []) {
      response.write(piece)
      await sleep(1)
    }
    response.end()
  }
}

async function recorded(
  t: TestContext,
  dialect: Dialect,
  stream: boolean,
  thoughts: readonly string[],
  calls: boolean,
) {
  const gateway = await startTestGateway(t, answering(dialect, thoughts, calls))
  const answer = await gateway.post(dialect.path, { ...dialect.ask, stream })
  const text = await answer.text()
  const records = await gateway.records()
  const reasonings = records.map(({ kind, body }) => [kind, body.within === undefined ? '' : 'within', body.reasoning])
  return { text, reasonings }
}

for (const [name, dialect] of Object.entries(DIALECTS)) {
  for (const stream of [false, true]) {
    const how = stream ? 'streamed' : 'whole'
    test(`${name}, ${how}: stands in the outcome, or in the decision on the tool calls, and goes to the client as it was`, async (t) => {
      const thoughts = SHORT.split(/(?<= )/)
      const plain = await recorded(t, dialect, stream, thoughts, false)
      assert.deepEqual(plain.reasonings, [
        ['decision', '', undefined],
        ['outcome', '', SHORT],
      ])
      assert.ok(plain.text.includes(stream ? JSON.stringify(thoughts[0]) : JSON.stringify(SHORT)))
      const calling = await recorded(t, dialect, stream, thoughts, true)
      assert.deepEqual(calling.reasonings, [
        ['decision', '', undefined],
        ['decision', 'within', SHORT],
        ['outcome', '', undefined],
      ])
    })
  }
  test(`${name}: of what is long the beginning is recorded, and nothing where the model says nothing`, async (t) => {
    const thoughts = Array.from({ length: 300 }, (_, i) => `${i} and `.padEnd(40, 'x'))
    for (const stream of [false, true]) {
      const { reasonings } = await recorded(t, dialect, stream, thoughts, false)
      assert.equal(reasonings[1]?.[2], `${thoughts.join('').slice(0, 4095)}…`)
      assert.equal((await recorded(t, dialect, stream, [' '], false)).reasonings[1]?.[2], undefined)
    }
  })
}

test('reading along remembers no more than is recorded, and stops there', () => {
  const thought = (text: string) => Buffer.from(`data: ${JSON.stringify(choice('delta', { reasoning: text }))}\n\n`)
  const reasoning = new StreamedReasoning(OPENAI_REASONING)
  for (let i = 0; i < 6; i++) reasoning.readAlong(thought('x'.repeat(1000)))
  const { text } = reasoning
  assert.equal(text?.length, 4096)
  for (let i = 0; i < 200; i++) {
    reasoning.readAlong(Buffer.from(`data: {"choices":[{"index":${i},"delta":{"reasoning":"more"}}]}\n\n`))
  }
  assert.equal(reasoning.text, text)
})

test('several choices are kept apart, and what cannot be read is left out', () => {
  const reasoning = new StreamedReasoning(OPENAI_REASONING)
  const of = (index: unknown, text: unknown) =>
    reasoning.readAlong(
      Buffer.from(`data: ${JSON.stringify({ choices: [{ index, delta: { reasoning: text } }] })}\r\n\r\n`),
    )
  of(0, 'one ')
  of(1, 'two ')
  of(0, 'more')
  of(1, { not: 'text' })
  for (const odd of [
    'data: {"reasoning',
    'data: ["reasoning"]',
    'data: null "reasoning',
    'data: {"choices":{"reasoning":1}}',
  ]) {
    reasoning.readAlong(Buffer.from(`${odd}\n\n`))
  }
  assert.equal(reasoning.text, 'one more\n\ntwo')
  const blocks = new StreamedReasoning(ANTHROPIC_REASONING)
  blocks.readAlong(
    Buffer.from('data: {"type":"content_block_delta","delta":{"type":"text_delta","thinking":"no"}}\n\n'),
  )
  assert.equal(blocks.text, undefined)
})
