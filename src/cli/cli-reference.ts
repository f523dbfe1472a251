import type { Argument, Command, Option } from 'commander'

/** All commands as a page of the reference. */
export function cliReference(program: Command): string {
  return [
    '# Commands',
    '',
    '<!-- Made from src/cli by `node scripts/cli-reference.ts`. -->',
    '',
    'Call them as `npm run -s sallyport -- COMMAND …`. Each prints text for people, and JSON with `--json`. The exit code',
    'is 0 when it was done, 1 when it failed (a denial is a failure; what would help is said), and 2 when the command was',
    'called wrongly. Every command that asks the server is decided and recorded there like any other request.',
    '',
    '## For every command',
    ...optionTable(program.options),
    ...program.commands.flatMap((command) => commandLines(command, [])),
    '',
  ].join('\n')
}

function commandLines(command: Command, above: readonly string[]): readonly string[] {
  const path = [...above, command.name()]
  const own = isCalled(command) ? ownLines(command, path) : []
  return [...own, ...command.commands.flatMap((below) => commandLines(below, path))]
}

/** What only holds other commands is not called itself. */
function isCalled(command: Command): boolean {
  return command.commands.length === 0
}

function ownLines(command: Command, path: readonly string[]): readonly string[] {
  const [name = ''] = path
  const shown = command.registeredArguments.map(argumentText)
  const options = command.options.filter(({ hidden }) => !hidden)
  return [
    '',
    `## ${path.join(' ')}`,
    '```',
    ['sallyport', ...path, ...shown, ...(options.length === 0 ? [] : ['[options]'])].join(' '),
    '```',
    `${sentence(command.description())}${isDefault(command) ? ` \`sallyport ${name}\` alone does the same.` : ''}`,
    ...argumentTable(command.registeredArguments),
    ...optionTable(options),
  ]
}

function isDefault(command: Command): boolean {
  const { parent } = command
  // commander keeps the name of the default command, and does not show it.
  return parent !== null && Reflect.get(parent, '_defaultCommandName') === command.name()
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

function argumentTable(all: readonly Argument[]): readonly string[] {
  if (all.length === 0) return []
  return [
    '',
    '| argument | meaning |',
    '|---|---|',
    ...all.map((one) => `| \`${one.name()}\` | ${cell(one.description)} |`),
  ]
}

function optionTable(options: readonly Option[]): readonly string[] {
  if (options.length === 0) return []
  return ['', '| option | meaning |', '|---|---|', ...options.map(optionRow)]
}

function optionRow(option: Option): string {
  const more = [
    ...(option.mandatory ? ['required'] : []),
    ...(option.argChoices === undefined ? [] : [`one of ${option.argChoices.map((one) => `\`${one}\``).join(', ')}`]),
    ...(option.envVar === undefined ? [] : [`also \`${option.envVar}\``]),
    ...(option.defaultValue === undefined || option.defaultValue === false
      ? []
      : [`\`${String(option.defaultValue)}\` unless given`]),
  ]
  const meaning = [option.description, ...more].filter((text) => text !== '').join('; ')
  return `| \`${cell(option.flags)}\` | ${cell(meaning)} |`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function sentence(text: string): string {
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
