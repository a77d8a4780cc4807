import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './source.ts'

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['docs', 'docs/decisions'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
]

test.each(documents)('every link of %s to a file leads to one', (document) => {
  const text = readFileSync(join(root, document), 'utf8')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
  const missing = targets.filter((target) => {
    const [path = ''] = target.split('#')
    const isElsewhere = /^[a-z]+:/.test(target) || path === ''
    return !isElsewhere && !existsSync(join(root, dirname(document), path))
  })
  expect(missing).toEqual([])
})
