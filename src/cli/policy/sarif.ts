import { version } from '../version.ts'

/** Something to look at in a file. Lines and columns count from 1, columns in UTF-16 code units. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly rule: string
  readonly message: string
  readonly help?: string | undefined
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
}

/** Findings as a SARIF 2.1.0 log, which code hosts and editors show beside the lines. */
export function sarifOf(findings: readonly Finding[]): object {
  const rules = [...new Set(findings.map(({ rule }) => rule))].sort()
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'sallyport policy check',
            semanticVersion: version,
            rules: rules.map((id) => ({ id, shortDescription: { text: RULES[id] ?? id } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ severity, rule, message, help, file, line, column }) => ({
          ruleId: rule,
          ruleIndex: rules.indexOf(rule),
          level: severity,
          message: { text: help === undefined ? message : `${message}. ${help}` },
          ...(file === undefined
            ? {}
            : {
                locations: [
                  {
                    physicalLocation: {
                      // §3.4: a relative reference, with `/` between its parts
                      artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
                      ...(line === undefined
                        ? {}
                        : { region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) } }),
                    },
                  },
                ],
              }),
        })),
      },
    ],
  }
}

const RULES: Readonly<Record<string, string>> = {
  invalid: 'does not parse or does not fit the schema',
  unwise: 'what the validator warns of',
  'no-id': 'a policy without an @id',
  'never-applies': 'a policy that can never apply',
  needless: 'a condition that always holds',
  shadowed: 'a policy that another one makes needless',
  'may-fail': 'a forbid that can fail',
  'grants-everything': 'a permit to everybody for everything',
  'broader-than-title': 'a policy that permits more than its title says',
}
