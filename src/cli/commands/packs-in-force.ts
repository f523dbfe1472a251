import { Command } from 'commander'
import { z } from 'zod'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'

const answer = z.object({
  packs: z.array(z.object({ name: z.string() })),
  inForce: z.array(
    z.object({
      instance: z.string(),
      name: z.string(),
      version: z.string(),
      parameters: z.record(z.string(), z.json()),
      shipped: z.boolean(),
      layer: z.object({ kind: z.string(), type: z.string().optional(), id: z.string().optional() }),
    }),
  ),
})

type Layer = z.output<typeof answer>['inForce'][number]['layer']

/** What a running server has. */
export function packsInForceCommand(): Command {
  return new Command('in-force')
    .description('the packs whose policies are in force on the server, with their parameters')
    .action(async (_options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const { packs, inForce } = answer.parse(await client().call('GET', '/api/packs'))
      output.data(inForce, () => {
        if (inForce.length === 0) return 'no pack is in use'
        const names = new Set(packs.map(({ name }) => name))
        const rows = inForce.map(({ instance, name, version, shipped, layer, parameters }) => [
          instance,
          // Anybody may push policies that say of themselves that they come from a pack.
          `${name} ${version}${!shipped && names.has(name) ? ' (not as it ships)' : ''}`,
          placeText(layer),
          Object.entries(parameters)
            .map(([parameter, value]) => `${parameter}=${JSON.stringify(value)}`)
            .join(' '),
        ])
        return table([['in use as', 'pack', 'layer', 'parameters'], ...rows])
      })
    })
}

function placeText({ kind, type, id }: Layer): string {
  return [type ?? kind, ...(id === undefined ? [] : [id])].join(' ')
}
