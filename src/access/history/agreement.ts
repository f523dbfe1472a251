import type { Decision } from '../question.ts'
import type { RecordedDecision } from './recorded-decision.ts'

/** What is not the same in a decision that was made again; empty where it is the same. */
export function differencesTo(recorded: RecordedDecision, { decision, reasons, errors, approval }: Decision): string[] {
  const found: string[] = []
  const was = recorded.decision === 'allow' ? 'allow' : 'deny'
  if (was !== decision) found.push(`decision: ${was} on record, ${decision} again`)
  const before = recorded.reasons.map(reasonText)
  const after = reasons.map(reasonText)
  if (!isSame(before, after) && !(isCut(recorded.reasons) && isCut(reasons))) {
    found.push(`reasons: ${listed(before)} on record, ${listed(after)} again`)
  }
  const faults = errors.map(({ policy, message }) => `${policy}: ${message}`)
  if (!isSame(recorded.errors, faults))
    found.push(`errors: ${listed(recorded.errors)} on record, ${listed(faults)} again`)
  if (decision === 'allow' && recorded.approval !== approval) {
    found.push(`approval: ${recorded.approval ?? 'none'} on record, ${approval ?? 'none'} again`)
  }
  return found
}

type Reasons = RecordedDecision['reasons']

/** Of the entries of lists that refuse a request, ten are named; which of many is a matter of their order in memory. */
function isCut(reasons: Reasons): boolean {
  return reasons.filter(({ policy }) => policy.startsWith('list/')).length >= 10
}

function reasonText({ policy, principal }: Reasons[number]): string {
  return `${policy} for ${principal.type}::${principal.id}`
}

/** In whatever order: that of policies depends on when roles were given. */
function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  if (a.every((one, at) => one === b[at])) return true
  const [x, y] = [[...a].sort(), [...b].sort()]
  return x.every((one, at) => one === y[at])
}

function listed(all: readonly string[]): string {
  return all.length === 0 ? 'none' : all.join(', ')
}
