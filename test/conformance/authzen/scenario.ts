/** One request of the certification scenario, and what is expected of the answer. */
export interface ScenarioCase {
  readonly id: string
  readonly title: string
  readonly endpoint: string
  readonly request: object
  readonly status: number
  /** `any` stands for what an implementation decides itself. */
  readonly expected?: { readonly [name: string]: unknown }
}

/** Reads the requests of the scenario from its text, so that what is sent is exactly what is published. */
export function casesIn(markdown: string): readonly ScenarioCase[] {
  const cases: ScenarioCase[] = []
  for (const section of markdown.split(/^#{2,3} /m).slice(1)) {
    const [, title, id] = /^(.*?) \{#(c-[\d-]+)\}/.exec(section) ?? []
    if (title === undefined || id === undefined || !/^c-[234]-/.test(id)) continue
    let label = ''
    let request: object | undefined
    // A label, what is expected, or a block of text between tildes.
    for (const [, bold, status, decision, block] of section.matchAll(
      /^\*\*((?:Request|Subject Search|Resource Search|Action Search)[^*]*)\*\*|^\*\*Expected:\*\*(?: HTTP (\d+))?(?:, `"decision": (true|false)`)?|^~~~[^\n]*\n([\s\S]*?)^~~~/gm,
    )) {
      if (bold !== undefined) {
        label = bold
        request = undefined
      } else if (block !== undefined) {
        if (!block.startsWith('{')) continue
        const json = JSON.parse(block.replaceAll(/"?<[^>]*>"?/g, '"any"'))
        const last = cases.at(-1)
        if (request === undefined && label !== '') request = json
        else if (last !== undefined && last.id === id && last.request === request) {
          cases[cases.length - 1] = { ...last, expected: json }
        }
      } else if (request !== undefined) {
        if (JSON.stringify(request).includes('"any"')) continue // a token of an earlier answer
        const endpoint = endpointOf(id, label)
        const expected = decision === undefined ? {} : { expected: { decision: decision === 'true' } }
        const named = `${title} (${label.replace(/:$/, '')})`
        cases.push({ id, title: named, endpoint, request, status: Number(status ?? 200), ...expected })
      }
    }
  }
  return cases
}

function endpointOf(id: string, label: string): string {
  const named = /(Subject|Resource|Action) Search/.exec(label)?.[1]
  if (named !== undefined) return `search/${named.toLowerCase()}`
  const [, level, part] = id.split('-')
  if (level === '2') return 'evaluation'
  if (level === '3') return 'evaluations'
  return `search/${{ '3': 'resource', '4': 'action' }[part ?? ''] ?? 'subject'}`
}
