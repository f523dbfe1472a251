/** Lines of JSON, one after the other, as they come. */
export async function* jsonLines(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<unknown> {
  let open = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = `${open}${text}`.split('\n')
    open = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line)
  }
}
