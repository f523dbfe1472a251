import { hash } from 'node:crypto'
import { UNREPLAYABLE, WHY_UNREPLAYABLE } from '../history/recorded-decision.ts'
import { MOST_DISTINCT, type ReplayGroup, type ReplayReport, type ReplayTotal } from './report.ts'

/**
 * A replay as a page of its own: no scripts, nothing from elsewhere, readable on paper. INVARIANT: whatever comes from
 * records or policies goes through `text`; ids and titles are written by others, and may want to be markup.
 */
export function replayPage(report: ReplayReport, about: { readonly tenant: string; readonly madeAt: number }): string {
  const { newlyAllowed, newlyDenied, decided } = report
  const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`
  const stays = decided - newlyAllowed - newlyDenied
  const lost = Object.values(report.unreplayable).reduce((sum, count) => sum + count, 0)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Replay of ${text(shortOf(report.candidate))} · ${text(about.tenant)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="kind">Replay of recorded decisions · tenant ${text(about.tenant)}</p>
<h1>${headline(report)}</h1>
<dl class="facts">
${fact('Candidate', code(shortOf(report.candidate)))}
${fact('In force', code(shortOf(report.active)))}
${fact('Decisions from', report.from === undefined ? '–' : moment(report.from))}
${fact('to', report.to === undefined ? '–' : moment(report.to))}
${fact('Made', moment(about.madeAt))}
</dl>
<ul class="tiles">
${tile('allowed', newlyAllowed, 'newly allowed')}
${tile('denied', newlyDenied, 'newly denied')}
${tile('same', stays, 'decided as before')}
${tile('lost', lost, 'not replayable')}
</ul>
</header>
<main>
${groupsOf(report, 'allowed', 'What would newly be allowed', 'Nothing that was refused would be allowed.')}
${groupsOf(report, 'denied', 'What would newly be denied', 'Nothing that was allowed would be refused.')}
${totalsOf(report)}
${reach(report)}
</main>
</body>
</html>
`
}

function headline({ newlyAllowed, newlyDenied, decided }: ReplayReport): string {
  if (decided === 0) return 'There was nothing to replay'
  if (newlyAllowed + newlyDenied === 0) return `All ${number(decided)} decisions stay as they were`
  return `${number(newlyAllowed + newlyDenied)} of ${number(decided)} decisions would be others`
}

function groupsOf(report: ReplayReport, effect: ReplayGroup['effect'], title: string, none: string): string {
  const groups = report.groups.filter((group) => group.effect === effect)
  if (groups.length === 0) return `<section><h2>${title}</h2><p>${none}</p></section>`
  const shown = groups.slice(0, SHOWN_GROUPS)
  const more = groups.slice(SHOWN_GROUPS).reduce((sum, { count }) => sum + count, 0)
  const rest = more === 0 ? '' : `<p>${number(more)} more are in the JSON of this report.</p>`
  return `<section class="${effect}"><h2>${title}</h2>\n${shown.map((group) => groupOf(group, report)).join('\n')}${rest}</section>`
}

const SHOWN_GROUPS = 200

function groupOf(group: ReplayGroup, { titles }: ReplayReport): string {
  const { principals, action, resourceType, count, actors, resources, firstAt, lastAt, before, after } = group
  const span = firstAt === lastAt ? moment(firstAt) : `${moment(firstAt)} to ${moment(lastAt)}`
  const rows = group.examples.map(
    ({ index, place, txn, at, chain, resource }) =>
      `<tr><td class="n">${index}${place === 0 ? '' : `<small>/${place}</small>`}</td><td>${moment(at)}</td><td>${chain.map((one) => code(one)).join(' → ')}</td><td>${code(resource)}</td><td>${code(txn)}</td></tr>`,
  )
  return `<article>
<h3><span class="n">${number(count)} ×</span> ${code(action)} on ${code(resourceType)} by ${text(principals)}</h3>
<p class="meta">${distinct(actors, 'actor')}, ${distinct(resources, 'resource')}, ${span}</p>
<dl class="why"><dt>then</dt><dd>${policies(before, titles)}</dd><dt>now</dt><dd>${policies(after, titles)}</dd></dl>
<div class="scroll"><table>
<thead><tr><th class="n">Record</th><th>At</th><th>Who</th><th>On what</th><th>Request</th></tr></thead>
<tbody>${rows.join('')}</tbody>
</table></div>
</article>`
}

function distinct(count: number, what: string): string {
  return `${count >= MOST_DISTINCT ? `${MOST_DISTINCT} or more` : count} ${what}${count === 1 ? '' : 's'}`
}

function policies(ids: readonly string[], titles: ReplayReport['titles']): string {
  if (ids.length === 0) return 'no policy permits it'
  return ids
    .map((id) => {
      const title = Object.hasOwn(titles, id) ? titles[id] : undefined
      return title === undefined ? code(id) : `${code(id)} ${text(title)}`
    })
    .join('<br>')
}

function totalsOf(report: ReplayReport): string {
  const tables = [
    ['By actor', report.byPrincipal],
    ['By action', report.byAction],
    ['By resource', report.byResource],
    ['By policy', report.byPolicy],
  ] as const
  if (report.newlyAllowed + report.newlyDenied === 0) return ''
  return `<section><h2>Where the differences are</h2><div class="columns">\n${tables.map(([title, totals]) => totalsTable(title, totals)).join('\n')}\n</div></section>`
}

function totalsTable(title: string, totals: readonly ReplayTotal[]): string {
  const shown = totals.slice(0, SHOWN_TOTALS)
  const most = Math.max(1, ...shown.map(({ allowed, denied }) => allowed + denied))
  const rows = shown.map(({ name, allowed, denied }) => {
    const part = (count: number): string => ((100 * count) / most).toFixed(1)
    // Widths as attributes: a style would have to be allowed.
    const bar = `<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="allowed" width="${part(allowed)}" height="8"/><rect class="denied" x="${part(allowed)}" width="${part(denied)}" height="8"/></svg>`
    return `<tr><td>${code(name)}${bar}</td><td class="n">${allowed === 0 ? '' : `+${number(allowed)}`}</td><td class="n">${denied === 0 ? '' : `−${number(denied)}`}</td></tr>`
  })
  return `<table><caption>${title}</caption><thead><tr><th></th><th class="n">allowed</th><th class="n">denied</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

const SHOWN_TOTALS = 15

/** What of the records is in here, and what such a page cannot show. */
function reach({ unreplayable, records, decided, untouched, limited, ungrouped, ms }: ReplayReport): string {
  const lost = UNREPLAYABLE.flatMap((why) => {
    const count = unreplayable[why] ?? 0
    return count === 0 ? [] : [`<tr><td>${WHY_UNREPLAYABLE[why]}</td><td class="n">${number(count)}</td></tr>`]
  })
  const table =
    lost.length === 0
      ? '<p>Every decision of that time could be made again.</p>'
      : `<table><caption>Not replayable</caption><tbody>${lost.join('')}</tbody></table>`
  const limits =
    limited === 0
      ? ''
      : `<li>${number(limited)} requests were refused by a limit. Whether one would be used up under the candidate is not known; they count as decided as before.</li>`
  const bounds =
    ungrouped === 0
      ? ''
      : `<li>${number(ungrouped)} differences are counted, but in none of the groups above: there were too many kinds of them.</li>`
  return `<section><h2>What this rests on</h2>
<p>${number(records)} records were read and ${number(decided)} decisions made again in ${(ms / 1000).toFixed(1)} seconds, each on what it was decided on then: who had which role, what the resources were like, what was stated. ${untouched === 0 ? '' : `Of these, ${number(untouched)} are about actions that no changed policy speaks of; they stay as they were.`}</p>
${table}
<ul><li>What nobody asked for in that time is not in here.</li><li>What somebody would do next, had they been allowed or denied, is not in here.</li>${limits}${bounds}</ul></section>`
}

function tile(kind: string, count: number, what: string): string {
  return `<li class="${kind}"><strong>${number(count)}</strong> ${what}</li>`
}

function fact(name: string, value: string): string {
  return `<div><dt>${name}</dt><dd>${value}</dd></div>`
}

function shortOf(address: string): string {
  return address.slice(0, 16)
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function moment(at: number): string {
  const iso = new Date(at).toISOString()
  return `<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)}</time>`
}

function code(value: string): string {
  return `<code><bdi>${text(value)}</bdi></code>`
}

/** Text as text. What cannot be seen, or turns round what is around it, is shown by its number. */
function text(value: string): string {
  return value
    .slice(0, MOST_TEXT)
    .replace(UNSEEN, codePoint)
    .replace(/[&<>"']/g, (found) => ENTITIES[found] ?? '')
}

const MOST_TEXT = 500
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function codePoint(found: string): string {
  return `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d5dae0; --paper: #fff; --panel: #f6f8fa; --allowed: #8250df; --denied: #bc4c00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --line: #343b43; --paper: #0f1318; --panel: #171c22; --allowed: #b392f0; --denied: #f0883e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.5rem 4rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .2rem 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .8rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 0; }
.kind, .meta { color: var(--soft); margin: 0; font-size: .9rem; }
.facts { display: flex; flex-wrap: wrap; gap: .3rem 2rem; margin: 0; }
.facts dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; }
.tiles { list-style: none; display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; padding: 0; margin: 1.4rem 0 0; }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-top: 4px solid var(--line); padding: .7rem .9rem; }
.tiles li.allowed { border-top-color: var(--allowed); }
.tiles li.denied { border-top-color: var(--denied); }
.tiles strong { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
article { border: 1px solid var(--line); border-left: 4px solid var(--line); padding: .8rem 1rem; margin: 0 0 .9rem; break-inside: avoid; }
.allowed article { border-left-color: var(--allowed); }
.denied article { border-left-color: var(--denied); }
.why { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .9rem; margin: .6rem 0; font-size: .9rem; }
.why dt { color: var(--soft); }
.scroll { overflow-x: auto; }
.scroll table { min-width: 38rem; }
table { width: 100%; border-collapse: collapse; font-size: .85rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .25rem .7rem .25rem 0; border-top: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
h3 .n { text-align: left; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr)); gap: 1.5rem 2.5rem; align-items: start; }
svg { display: block; width: 100%; height: 6px; margin-top: .2rem; }
rect.allowed { fill: var(--allowed); }
rect.denied { fill: var(--denied); }
@media print { .scroll table { min-width: 0; } :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --panel: #fff; --allowed: #8250df; --denied: #bc4c00; } body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; } svg, article, .tiles li { print-color-adjust: exact; } }
`
