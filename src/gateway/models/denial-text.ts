import type { Denial } from '../protocol.ts'

/** What was denied and why, and what would help, in one line. */
export function denialText({ question, decision }: Denial): string {
  const { action, resource } = question
  const reason = decision.reasons[0]
  const why = reason?.title ?? (question.undecidable === undefined ? 'no policy permits it' : 'it cannot be decided')
  const remedy = decision.remedy === undefined ? '' : `; ${decision.remedy}`
  return `${action} on ${resource.type} \`${resource.id}\` is denied: ${why}${remedy}`
}
