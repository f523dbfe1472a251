import type { Denied } from './denial.ts'
import { type DecisionRecord, decisionsOf } from './records.ts'
import type { Sallyport } from './sallyport.ts'
import { stage } from './stage.ts'

/** What the steps share. Each step leaves behind what later ones look at. */
export interface Tour {
  readonly sallyport: Sallyport
  /** Where the log has the step in which the model obeys the injected instruction. */
  injection?: { readonly txn: string; readonly record: number }
}

/** Prints every decision that the log holds for this request id, like ones in one line, and returns them. */
export async function showDecisions(tour: Tour, txn: string): Promise<readonly DecisionRecord[]> {
  const decisions = await decisionsOf(tour.sallyport, txn)
  const lines = new Map<string, { readonly decision: 'allow' | 'deny'; readonly records: number[] }>()
  for (const record of decisions) {
    const policies = record.reasons.map((reason) => reason.policy).join(', ') || 'no policy permits it'
    const values = WORTH_TELLING.flatMap((pointer) => originOf(record, pointer) ?? [])
    const text = [`${record.action} ${record.resource.id}`, policies, ...values].join('  ')
    const line = lines.get(text) ?? { decision: record.decision, records: [] }
    line.records.push(record.index)
    lines.set(text, line)
  }
  for (const [text, { decision, records }] of lines) stage.decision(decision, `${text}  #${records.join(' #')}`)
  return decisions
}

// who gets it and what is read; the wording of a message is the model's own
const WORTH_TELLING = ['/to', '/path']

/** Where the value of an argument came from, in words; `undefined` where the call has no such argument. */
export function originOf(record: DecisionRecord, pointer: string): string | undefined {
  const origin = record.origin[pointer]
  if (origin === undefined) return undefined
  const [kind, server] = origin.source.split(':')
  if (server === undefined) return `${pointer} from the ${kind}`
  return `${pointer} from ${origin.trusted ? 'trusted' : 'untrusted'} content of ${server}`
}

/** Prints a denial as the client got it. */
export function showDenial(denied: Denied): void {
  stage.decision('deny', denied.policies.join(', ') || 'no policy permits it')
  stage.line('because', denied.message.replace(`; ${denied.remedy}`, ''))
  if (denied.remedy !== '') stage.line('remedy', denied.remedy)
  stage.line('record', `#${denied.record} of request ${denied.txn}`)
}
