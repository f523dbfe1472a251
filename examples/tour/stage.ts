import { styleText } from 'node:util'

const WIDTH = 100
const LABEL = 11

/** What a line is about. Each has its place at the left, so that the eye can follow one of them down the page. */
export type Label =
  | '' // goes on with the line above
  | 'person'
  | 'request'
  | 'model'
  | 'tool'
  | 'answer'
  | 'decision'
  | 'because'
  | 'value'
  | 'remedy'
  | 'record'
  | 'then'

type Style = Parameters<typeof styleText>[0]

/** The page that the tour is printed on: 100 columns, colour only where the terminal has it and `NO_COLOR` is not set. */
export const stage = {
  title(left: string, right: string): void {
    print(`\n${bold(left)}${' '.repeat(Math.max(1, WIDTH - left.length - right.length))}${dim(right)}`)
    print(dim('━'.repeat(WIDTH)))
  },

  step(number: number, title: string, ...explanation: readonly string[]): void {
    print(`\n${styleText(['bold', 'cyan'], String(number))}  ${bold(title)}`)
    for (const line of explanation) for (const part of wrap(line, WIDTH - 3)) print(`   ${dim(part)}`)
    print('')
  },

  line(label: Label, text: string): void {
    write(label, text, (part) => part)
  },

  /** A decision: green or red, then what decided it. */
  decision(decision: 'allow' | 'deny', text: string): void {
    const mark = decision === 'allow' ? styleText(['bold', 'green'], 'allow') : styleText(['bold', 'red'], 'deny ')
    const [first = '', ...rest] = wrap(text, WIDTH - LABEL - 10)
    print(`   ${dim('decision'.padEnd(LABEL))}${mark}  ${first}`)
    for (const part of rest) print(`   ${' '.repeat(LABEL + 7)}${part}`)
  },

  /** What a command printed, as it printed it. */
  quote(command: string, output: string): void {
    print(`   ${dim('$')} ${bold(command)}`)
    for (const line of output.trimEnd().split('\n')) {
      const indent = /^[\s│├└─]*/.exec(line)?.[0] ?? ''
      const [first = '', ...rest] = wrap(line.slice(indent.length), WIDTH - 3 - indent.length)
      print(`   ${indent}${first}`)
      // what a branch of a tree goes on with below itself
      for (const part of rest) print(`   ${indent.replaceAll('├─', '│ ').replaceAll('└─', '  ')}   ${part}`)
    }
    print('')
  },

  end(text: string): void {
    print(dim(`\n${'━'.repeat(WIDTH)}`))
    print(`${styleText(['bold', 'green'], text)}\n`)
  },
}

function write(label: string, text: string, style: (part: string) => string): void {
  const [first = '', ...rest] = wrap(text, WIDTH - LABEL - 3)
  print(`   ${dim(label.padEnd(LABEL))}${style(first)}`)
  for (const part of rest) print(`   ${' '.repeat(LABEL)}${style(part)}`)
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line.trimEnd())
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(line.trimEnd())
  }
  return lines
}

const bold = (text: string): string => paint('bold', text)
const dim = (text: string): string => paint('dim', text)

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
