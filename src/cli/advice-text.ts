import { z } from 'zod'

/** What would help, as the API says it. */
export const adviceSchema = z.array(
  z.looseObject({
    kind: z.string(),
    acr: z.string().optional(),
    maxAge: z.number().optional(),
    id: z.string().optional(),
    seconds: z.number().optional(),
  }),
)

export type AdviceAnswer = z.infer<typeof adviceSchema>

/** For people: `prove again who you are (several factors, at most 15 min ago), and then ask for access: …`. */
export function adviceText(advice: AdviceAnswer): string {
  return advice.map(textOf).join(', and then ')
}

const STRENGTHS: Readonly<Record<string, string>> = {
  aal1: 'one factor',
  aal2: 'several factors',
  aal3: 'several factors, one of them a hardware key',
}

function textOf({ kind, acr = '', maxAge = 0, id, seconds = 0 }: AdviceAnswer[number]): string {
  switch (kind) {
    case 'step_up':
      return `step up: prove again who you are (${STRENGTHS[acr] ?? acr}, at most ${durationText(maxAge)} ago)`
    case 'request_access':
      return 'ask for access: `sallyport access request ACTION RESOURCE`'
    case 'approval':
      return `somebody else has to approve exactly this: ${id === undefined ? '`sallyport approvals`' : `\`sallyport approvals show ${id}\``}`
    case 'wait':
      return `wait ${durationText(seconds)}`
    default:
      return kind
  }
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const

/** In the largest unit that it is a whole number of. */
function durationText(seconds: number): string {
  const unit = UNITS.find(([, size]) => seconds > 0 && seconds % size === 0)
  return unit === undefined ? `${seconds} s` : `${seconds / unit[1]} ${unit[0]}`
}
