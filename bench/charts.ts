/**
 * `npm run bench:charts`: draws the main ratios of bench/results.json as SVG files, which the
 * README shows. Their colours are readable on light and on dark backgrounds.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Measurement } from './driver/client-process.ts'
import { type Results, rustName } from './results.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const results = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as Results

const [labelX, barX, barMax, rowHeight, top] = [8, 210, 330, 24, 56]
const width = 720
const textColour = '#7d8590'
const colours: readonly (readonly [client: string, colour: string])[] = [
  ['tsylla executePrepared', '#2f81f7'],
  [rustName, '#db6d28'],
  ['cassandra-driver', '#8b949e'],
  ['@lambda-group/scylladb, without timestamps', '#a371f7'],
  ['bare pipelined client', '#57ab5a'],
]

interface Chart {
  readonly file: string
  readonly title: string
  readonly rows: readonly (readonly [label: string, workload: string, inFlight: number])[]
}

const charts: readonly Chart[] = [
  {
    file: 'requests.svg',
    title: 'Requests per CPU second, in thousands',
    rows: [
      ['inserts, 256 in flight', 'insert', 256],
      ['selects, 256 in flight', 'select', 256],
      ['inserts, 1,024 in flight', 'insert', 1_024],
    ],
  },
  {
    file: 'rows.svg',
    title: 'Rows per CPU second, in thousands',
    rows: [
      ['batches of 100, 16 in flight', 'batch', 16],
      ['pages of 5,000 as rows', 'page', 1],
      ['pages of 5,000 as columns', 'columns', 1],
    ],
  },
]

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}

function textAt(x: number, y: number, text: string, more = ''): string {
  return `<text x="${x}" y="${y}" fill="${textColour}" ${more}>${escape(text)}</text>`
}

/** Bars of all clients at one workload. The longest of the chart is `max` per second. */
function bars(group: readonly Measurement[], label: string, max: number, y: number): string[] {
  const lines = [textAt(labelX, y + 16, label)]
  let row = 0
  for (const [client, colour] of colours) {
    const one = group.find((other) => other.client === client)
    if (one === undefined) continue
    const perSecond = 1e6 / one.cpuUs
    const length = Math.max(2, Math.round((perSecond / max) * barMax))
    const at = y + row++ * rowHeight
    lines.push(
      `<rect x="${barX}" y="${at}" width="${length}" height="18" rx="3" fill="${colour}"/>`,
    )
    const value = Math.round(perSecond / 1_000).toLocaleString('en')
    lines.push(textAt(barX + length + 6, at + 14, value))
  }
  return lines
}

function draw({ title, rows }: Chart): string {
  const groups = rows.map(([label, workload, inFlight]) => {
    const group = results.onResponder.filter(
      (one) => one.workload === workload && one.inFlight === inFlight,
    )
    return { label, group: group.filter(({ client }) => colours.some(([name]) => name === client)) }
  })
  const all = groups.flatMap(({ group }) => group)
  const max = Math.max(...all.map(({ cpuUs }) => 1e6 / cpuUs))
  const lines = [textAt(labelX, 20, title, 'font-weight="600"')]
  let x = labelX
  for (const [client, colour] of colours) {
    if (!all.some((one) => one.client === client)) continue
    const name = client.replace(' executePrepared', '').replace(', without timestamps', '')
    lines.push(`<rect x="${x}" y="32" width="10" height="10" rx="2" fill="${colour}"/>`)
    lines.push(textAt(x + 14, 41, name))
    x += 28 + name.length * 6.4
  }
  let y = top
  for (const { label, group } of groups) {
    lines.push(...bars(group, label, max, y))
    y += group.length * rowHeight + 12
  }
  const font = 'font-family="system-ui, sans-serif" font-size="12"'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" ${font} role="img">
<title>${escape(title)}</title>
${lines.join('\n')}
</svg>
`
}

mkdirSync(join(folder, 'charts'), { recursive: true })
for (const chart of charts) writeFileSync(join(folder, 'charts', chart.file), draw(chart))
