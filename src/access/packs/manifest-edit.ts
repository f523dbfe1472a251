import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, isSeq, parse, parseDocument, stringify } from 'yaml'
import { manifestError } from '../../identity/index.ts'
import type { DeclaredPack } from './pack-manifest.ts'
import { lineChanges } from './statement-changes.ts'

const LAYOUT = { lineWidth: 0 } as const

/** The section of a manifest with just this pack in use. */
export function packSection(declared: DeclaredPack): string {
  return stringify({ packs: [entryOf(declared)] }, LAYOUT)
}

/**
 * The manifest with this pack in use as well, or, where one is in use under the same name, with it in the place of
 * that. Comments stay. Throws `manifest_invalid`.
 */
export function withPack(text: string, file: string, declared: DeclaredPack): string {
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw manifestError([`${file}: ${problem.message.split('\n')[0]}`])
  const packs = document.get('packs', true)
  // How the same manifest would be written without the change.
  const plain = document.toString(LAYOUT)
  if (!isSeq(packs)) {
    // Whatever else may stand there is not to be lost.
    const isEmpty = packs === undefined || (isScalar(packs) && packs.value === null)
    if (!isEmpty) throw manifestError([`${file}: \`packs\` is no plain list, and has to be changed by hand`])
    document.set('packs', document.createNode([entryOf(declared)]))
    return keepingLayout(text, plain, document.toString(LAYOUT))
  }
  const known = packs.items.find((item) => isMap(item) && item.get('as') === declared.as)
  if (known === undefined) packs.add(document.createNode(entryOf(declared)))
  else if (isMap(known)) {
    known.set('version', declared.version)
    if (declared.digest !== undefined) known.set('digest', declared.digest)
    const before = known.get('with')
    if (!isMap(before)) {
      if (Object.keys(declared.with).length > 0) known.set('with', document.createNode(declared.with))
    } else {
      for (const { key } of [...before.items]) {
        const name = String(key)
        if (!Object.hasOwn(declared.with, name)) before.delete(key)
      }
      for (const [name, value] of Object.entries(declared.with)) {
        if (JSON.stringify(before.toJSON()?.[name]) !== JSON.stringify(value))
          before.set(name, document.createNode(value))
      }
    }
  }
  return keepingLayout(text, plain, document.toString(LAYOUT))
}

/** Lines that the change does not touch stay as somebody has written them, where that can be told. */
function keepingLayout(text: string, plain: string, changed: string): string {
  const lines = text.split('\n')
  if (plain.split('\n').length !== lines.length) return changed
  let at = 0
  const kept = lineChanges(plain.split('\n'), changed.split('\n')).flatMap((change) => {
    if (change.startsWith('+')) return [change.slice(1)]
    const line = lines[at++] ?? ''
    return change.startsWith('-') ? [] : [line]
  })
  const result = kept.join('\n')
  // Whatever was done with lines, the manifest says what it was to say.
  return isDeepStrictEqual(parse(result), parse(changed)) ? result : changed
}

function entryOf({ pack, version, digest, as, project, agent, agentType, with: given }: DeclaredPack) {
  return {
    pack,
    version,
    ...(digest === undefined ? {} : { digest }),
    as,
    ...(project === undefined ? {} : { project }),
    ...(agent === undefined ? {} : { agent }),
    ...(agentType === undefined ? {} : { agentType }),
    ...(Object.keys(given).length === 0 ? {} : { with: given }),
  }
}
