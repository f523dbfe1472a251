import type { TestEvent } from 'node:test/reporters'

/** Names the tests that were skipped, one a line. */
// biome-ignore lint/style/noDefaultExport: the test runner takes a reporter's default export and nothing else
export default async function* skipReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.skip !== undefined) yield `${data.name}\n`
  }
}
