import type { ExplainedCondition, ExplainedPolicy, Explanation } from './explain.ts'
import type { PolicyInfo } from './policy.ts'
import type { SourcePosition } from './source-position.ts'

/** An explanation for a person, a line for each thing. */
export function explanationText({ decision, because, nearest, errors }: Omit<Explanation, 'text'>): string {
  const lines: string[] = []
  if (decision === 'allow') lines.push('allowed')
  else if (because.length > 0) lines.push('denied')
  else lines.push('denied: no policy permits it')
  for (const explained of because)
    lines.push(...policyLines(explained, explained.policy.effect === 'permit' ? 'permitted by' : 'forbidden by'))
  for (const explained of nearest) lines.push(...policyLines(explained, 'not permitted by'))
  for (const { policy, message } of errors) lines.push(`could not be evaluated: ${policy}: ${message}`)
  return lines.join('\n')
}

function policyLines({ policy, conditions }: ExplainedPolicy, how: string): string[] {
  return [
    `${how} ${nameOf(policy)}, ${place(policy.position)}`,
    ...conditions.map((condition) => `  ${conditionLine(condition)}`),
  ]
}

function nameOf({ id, annotations }: PolicyInfo): string {
  return annotations.title === undefined ? id : `${id} (${annotations.title})`
}

function conditionLine({ text, position, outcome, values }: ExplainedCondition): string {
  const came = typeof outcome === 'object' ? `fails: ${outcome.error}` : `is ${outcome}`
  const found = values.map((value) => `${value.expression} is ${value.text}`).join(', ')
  return `${place(position)}: ${text} ${came}${found === '' ? '' : `; ${found}`}`
}

function place({ source, line, column }: SourcePosition): string {
  return source === undefined ? `${line}:${column}` : `${source}:${line}:${column}`
}
