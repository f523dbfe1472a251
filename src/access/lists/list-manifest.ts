import { z } from 'zod'
import { parseTarget } from './list-entry.ts'
import type { WantedEntry } from './lists.ts'

const target = z.string().transform((text, ctx) => {
  const parsed = parseTarget(text)
  if (typeof parsed !== 'string') return parsed
  ctx.addIssue({ code: 'custom', message: parsed })
  return z.NEVER
})
const moment = z.iso
  .datetime({ offset: true, error: 'must be a moment, as in `2026-12-31T18:00:00Z`' })
  .transform((text) => Date.parse(text))

/** What is said of every entry, wherever it is written down. */
export const listEntryShape = {
  project: z.string().min(1).max(256).optional(),
  actions: z.string().min(1).max(256).optional(),
  reason: z.string().max(500).default(''),
  until: moment.optional(),
}

const entry = z
  .strictObject({ deny: target.optional(), allow: target.optional(), ...listEntryShape })
  .refine(({ deny, allow }) => (deny === undefined) !== (allow === undefined), 'needs either `deny` or `allow`')

/** The section `lists` of a manifest. Together, over all manifests of one application, it is all that manifests say. */
export const listSections = { lists: z.array(entry).max(10_000) }

export type DeclaredEntry = z.output<typeof entry>

/** What API and commands send. */
export const listEntryBody = z
  .strictObject({ list: z.enum(['deny', 'allow']), target, ...listEntryShape })
  .transform(({ list, target, project, actions, reason, until }) =>
    wantedOf(list, target, { project, actions, reason, until }),
  )

export function declaredEntries(declared: readonly DeclaredEntry[]): readonly WantedEntry[] {
  return declared.flatMap(({ deny, allow, ...rest }) => {
    if (deny !== undefined) return [wantedOf('deny', deny, rest)]
    return allow === undefined ? [] : [wantedOf('allow', allow, rest)]
  })
}

function wantedOf(
  list: WantedEntry['list'],
  target: WantedEntry['target'],
  { project, actions, reason, until }: Omit<DeclaredEntry, 'deny' | 'allow'>,
): WantedEntry {
  return {
    list,
    target,
    scope: { ...(project === undefined ? {} : { project }), ...(actions === undefined ? {} : { actions }) },
    reason,
    until,
  }
}
