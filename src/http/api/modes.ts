import { z } from 'zod'
import { AccessError, modeTargetText, parseModeTarget } from '../../access/index.ts'
import { actorOf } from '../../kernel/index.ts'
import { type Route, route } from '../route.ts'

const mode = z.enum(['enforce', 'observe'])
const target = z
  .string()
  .min(1)
  .max(512)
  .meta({ description: '`tenant`, `project:ID`, `route:GATE`, `upstream:ID` or `layer:KIND:ID`' })

/** What is enforced, and what is only observed. */
export const modeRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/modes',
    summary: 'Say what is enforced, and what is only observed',
    action: 'policy:read',
    answer: z.object({
      modes: z.array(z.object({ target: z.string(), mode, setBy: z.string(), setAt: z.string() })),
    }),
    handle: async ({ tenant }) => ({
      modes: tenant.modes.list().map(({ target, mode, setBy, setAt }) => ({
        target: modeTargetText(target),
        mode,
        setBy,
        setAt: new Date(setAt).toISOString(),
      })),
    }),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/modes',
    summary: 'Set what is enforced or only observed, or take back what was set; in force with the next decision',
    action: 'policy:mode',
    body: z.strictObject({ target, mode: z.enum(['enforce', 'observe', 'unset']) }),
    answer: z.object({ target: z.string(), mode: z.string(), before: z.string() }),
    handle: async ({ tenant, ctx, body, note }) => {
      const parsed = parseModeTarget(body.target)
      if (parsed === undefined) throw new AccessError('mode_invalid', `\`${body.target}\` is nothing that has a mode`)
      const wanted = body.mode === 'unset' ? undefined : body.mode
      const before = (await tenant.modes.set(parsed, wanted, actorOf(ctx.caller).id)) ?? 'unset'
      note({ target: body.target, before, mode: body.mode })
      return { target: body.target, mode: body.mode, before }
    },
  }),
]
