import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import {
  AccessError,
  type Mode,
  type ModeTarget,
  modesAfter,
  modeTargetText,
  parseModeTarget,
  previewSwitch,
  recordedDecisions,
  type SwitchPreview,
} from '../../access/index.ts'
import { actorOf, type Context } from '../../kernel/index.ts'
import { type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'

const mode = z.enum(['enforce', 'observe'])
const wanted = z.enum(['enforce', 'observe', 'unset']).meta({ description: '`unset` takes back what was set' })
const target = z
  .string()
  .min(1)
  .max(512)
  .meta({ description: '`tenant`, `project:ID`, `route:GATE`, `upstream:ID` or `layer:KIND:ID`' })
const since = z.iso
  .datetime({ offset: true })
  .optional()
  .meta({ description: 'from when on observed denials are looked at; seven days ago without it' })

const identify = z.enum(['required', 'optional'])

const shape = { target, mode: wanted, since }

const DAY = 86_400_000
/** Records that one preview looks at. */
const MOST_RECORDS = 200_000
const PAGE = 1000
/** Groups that are shown; the digest is of all of them. */
const MOST_SHOWN = 1000

/** What is enforced, and what is only observed. */
export const modeRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/modes',
    summary: 'Say what is enforced, and what is only observed',
    action: 'policy:read',
    answer: z.object({
      modes: z.array(z.object({ target: z.string(), mode, identify, setBy: z.string(), setAt: z.string() })),
    }),
    handle: async ({ tenant }) => ({
      modes: tenant.modes.list().map(({ target, mode, identify, setBy, setAt }) => ({
        target: modeTargetText(target),
        mode,
        identify,
        setBy,
        setAt: new Date(setAt).toISOString(),
      })),
    }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/modes/preview',
    summary: 'Say what would start to fail if a mode were set: observed denials, grouped',
    action: 'policy:mode',
    body: z.strictObject(shape),
    answer: z.object({
      target: z.string(),
      mode: z.string(),
      since: z.string(),
      digest: z.string(),
      complete: z.boolean(),
      denials: z.number(),
      permittedSince: z.number(),
      groupCount: z.number(),
      groups: z.array(
        z.object({
          principal: z.string(),
          action: z.string(),
          resource: z.string(),
          policies: z.array(z.string()),
          count: z.number(),
          lastSeen: z.string(),
          example: z.number(),
        }),
      ),
    }),
    handle: async ({ tenant, ctx, body, note }) => {
      const from = sinceOf(body, ctx.clock.now())
      const { groups, denials, permittedSince, isComplete, digest } = await previewFor(tenant, ctx, body, from)
      note({ target: body.target, mode: body.mode, groups: groups.length, denials, digest })
      return {
        target: body.target,
        mode: body.mode,
        since: new Date(from).toISOString(),
        digest,
        complete: isComplete,
        denials,
        permittedSince,
        groupCount: groups.length,
        groups: groups
          .slice(0, MOST_SHOWN)
          .map(({ lastSeen, ...group }) => ({ ...group, lastSeen: new Date(lastSeen).toISOString() })),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/modes',
    summary: 'Set what is enforced or only observed, or take back what was set; in force with the next decision',
    action: 'policy:mode',
    body: z.strictObject({
      ...shape,
      identify: identify
        .optional()
        .meta({ description: 'with `observe` of a gate: whether callers are let through that cannot be identified' }),
      preview: z.string().max(128).optional().meta({
        description:
          'the digest of the preview that was looked at, or `any`; for all but `observe`, which makes nothing fail',
      }),
    }),
    answer: z.object({ target: z.string(), mode: z.string(), before: z.string() }),
    handle: async ({ tenant, ctx, body, note }) => {
      const parsed = targetOf(body.target)
      if (body.mode !== 'observe') await checkPreview(tenant, ctx, body)
      const before =
        (await tenant.modes.set(parsed, modeOf(body.mode), actorOf(ctx.caller).id, body.identify)) ?? 'unset'
      note({
        target: body.target,
        before,
        mode: body.mode,
        ...(body.identify === undefined ? {} : { identify: body.identify }),
        ...(body.preview === undefined ? {} : { preview: body.preview }),
      })
      return { target: body.target, mode: body.mode, before }
    },
  }),
]

interface Switch {
  readonly target: string
  readonly mode: z.output<typeof wanted>
  readonly since?: string | undefined
}

/** INVARIANT: nothing starts to fail that nobody has looked at, unless whoever switches says that this is what they want. */
async function checkPreview(
  tenant: TenantFace,
  ctx: Context,
  body: Switch & { readonly preview?: string | undefined },
): Promise<void> {
  if (body.preview === 'any') return
  if (body.preview === undefined) {
    throw new AccessError(
      'preview_needed',
      'say which preview this follows, or `any` to switch whatever starts to fail',
    )
  }
  const { digest, isComplete } = await previewFor(tenant, ctx, body, sinceOf(body, ctx.clock.now()))
  if (digest === body.preview && isComplete) return
  const why = isComplete ? 'something else would start to fail than was shown' : 'there is more than a preview can show'
  throw new AccessError('preview_changed', `${why}; look again, or ask for it with \`any\``)
}

async function previewFor(tenant: TenantFace, ctx: Context, body: Switch, from: number): Promise<SwitchPreview> {
  const before = tenant.modes.current()
  const after = modesAfter(before, targetOf(body.target), modeOf(body.mode))
  const preview = previewSwitch({ before, after }, (recorded) => tenant.access.isDeniedNow(ctx, recorded))
  const filter = { kind: 'decision', decision: 'observed-deny', from } as const
  let cursor: string | undefined
  let looked = 0
  do {
    const page = await tenant.log.search(filter, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    for (const record of page.records) {
      const decisions = recordedDecisions(record)
      if ('why' in decisions) continue
      for (const decision of decisions) preview.add(decision)
    }
    looked += page.records.length
    cursor = page.cursor
    await setImmediate()
  } while (cursor !== undefined && looked < MOST_RECORDS)
  return preview.result(cursor !== undefined)
}

function targetOf(text: string): ModeTarget {
  const parsed = parseModeTarget(text)
  if (parsed === undefined) throw new AccessError('mode_invalid', `\`${text}\` is nothing that has a mode`)
  return parsed
}

function modeOf(text: Switch['mode']): Mode | undefined {
  return text === 'unset' ? undefined : text
}

function sinceOf({ since }: Switch, now: number): number {
  return since === undefined ? now - 7 * DAY : Date.parse(since)
}
