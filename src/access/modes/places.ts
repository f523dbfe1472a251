import type { Context } from '../../kernel/index.ts'
import { type Known, prepareWithoutUsage } from '../decide-chain.ts'
import type { Question } from '../question.ts'
import type { Gate } from './mode-target.ts'
import type { Places } from './modes-in-force.ts'

/** Where a request stands: the projects of its resource, the gate that it came by, the upstream that it would go to. */
export function placesOf(ctx: Context, question: Question, known: Known): Places {
  const { entities, resource } = prepareWithoutUsage(ctx, question, known)
  const node = entities.find(resource)
  const around = [resource, ...(node === undefined ? [] : entities.lineage(node).refs)]
  const projects = around.filter(({ type }) => type === 'Project').map(({ id }) => `project:${id}`)
  const gate = ctx.gate ?? gateOf(question, known)
  const routes: string[] = [`route:${gate}`]
  // An enforcement point of somebody else has its own way to whatever stands behind it.
  if (gate !== 'decision-point') {
    const server = around.find(({ type }) => type === 'ToolServer')?.id
    const upstream = server ?? (resource.type === 'Model' ? upstreamOf(question, known) : undefined)
    for (const id of new Set([upstream, question.through])) if (id !== undefined) routes.push(`upstream:${id}`)
  }
  return { projects, routes }
}

/** Sallyport's own administration: no mode is about it. */
export function isAdministration({ action }: Question, known: Known): boolean {
  return isInGroup(action, 'admin', known)
}

/** The gate at which a question would be asked that came by none. */
function gateOf({ action }: Question, known: Known): Gate {
  return (['models', 'tools'] as const).find((gate) => isInGroup(action, gate, known)) ?? 'decision-point'
}

function isInGroup(action: string, group: string, { set, entities }: Known): boolean {
  const all = entities.with(undefined)
  const node = all.find(set.schema.vocabulary.uidOf(action))
  return node !== undefined && all.lineage(node).has({ type: 'Action', id: group })
}

function upstreamOf({ resource }: Question, { entities }: Known): string | undefined {
  const { upstream } = entities.entity(resource)?.attrs ?? {}
  return typeof upstream === 'string' ? upstream : undefined
}
