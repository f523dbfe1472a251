import {
  describeSchema,
  type SchemaAction,
  type SchemaEntity,
  type SchemaField,
  type SchemaRecord,
} from '../cedar/index.ts'

/** The schema as a page of the reference. Throws `schema_invalid`. */
export function schemaReference(schema: string): string {
  const { entities, records, actions } = describeSchema(schema)
  const groups = actions.filter(({ principals }) => principals.length === 0)
  const plain = actions.filter(({ principals }) => principals.length > 0)
  return [
    '# The schema',
    '',
    '<!-- Made from foundation/schema.cedarschema by `npm run -s docs:schema`. -->',
    '',
    'What policies can speak about: who (`principal`), what they do (`action`), on what (`resource`), and what is known',
    'about it (`context`). Sallyport fills all of it; nothing comes from the caller. `?` marks what can be absent: a',
    'policy has to ask with `has` before it looks.',
    '',
    '## Entities',
    ...entities.flatMap(entityLines),
    '',
    '## Facts',
    'The context of a request, and the records in it. [facts.md](facts.md) says where each comes from.',
    ...records.flatMap(recordLines),
    '',
    '## Action groups',
    ...rows(
      ['group', 'meaning'],
      groups.map(({ id, doc }) => [`\`${id}\``, doc]),
    ),
    '',
    '## Actions',
    ...rows(['action', 'in', 'on', 'context', 'meaning'], plain.map(actionCells)),
    '',
  ].join('\n')
}

function entityLines({ name, doc, parents, fields, tags }: SchemaEntity): string[] {
  const inside = parents.length === 0 ? '' : ` In ${parents.map((parent) => `\`${parent}\``).join(', ')}.`
  const tagged = tags === undefined ? '' : ` Tags: ${tags}.`
  const text = `${sentence(doc)}${inside}${tagged}`.trim()
  return ['', `### ${name}`, ...(text === '' ? [] : [text]), ...fieldLines(fields)]
}

function recordLines({ name, doc, fields }: SchemaRecord): string[] {
  return ['', `### ${name}`, ...(doc === '' ? [] : [sentence(doc)]), ...fieldLines(fields)]
}

function fieldLines(fields: readonly SchemaField[]): string[] {
  if (fields.length === 0) return []
  const cells = fields.map(({ name, type, isOptional, doc }) => [`\`${name}${isOptional ? '?' : ''}\``, type, doc])
  return ['', ...rows(['attribute', 'type', 'meaning'], cells)]
}

function actionCells({ id, parents, resources, context, doc }: SchemaAction): string[] {
  return [`\`${id}\``, parents.join(', '), resources.join(', '), context ?? '', doc]
}

function rows(head: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`.replaceAll('|  |', '| |')
  return ['', line(head), `|${head.map(() => '---').join('|')}|`, ...cells.map(line)].slice(1)
}

function sentence(doc: string): string {
  return doc === '' || doc.endsWith('.') ? doc : `${doc}.`
}
