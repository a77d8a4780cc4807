import { describe, expect, test } from 'vitest'
import type { Page, UnknownColumns } from '../../src/types/index.ts'
import { RowPager } from '../../src/types/index.ts'

type Row = { readonly n: number }

/** Pages of the given rows; `releases` end the fetches, in the order they were begun. */
function pager(pages: readonly (readonly number[])[]): {
  readonly stream: RowPager<UnknownColumns>
  readonly releases: (() => void)[]
} {
  const releases: (() => void)[] = []
  const stream = new RowPager<UnknownColumns>(async (pagingState) => {
    const index = pagingState?.[0] ?? 0
    await new Promise<void>((resolve) => releases.push(resolve))
    return {
      rows: () => pages[index]!.map((n) => ({ n })),
      pagingState: index + 1 < pages.length ? Uint8Array.of(index + 1) : undefined,
    } as unknown as Page<UnknownColumns>
  })
  return { stream, releases }
}

const valueOf = (result: IteratorResult<unknown, undefined>): number | undefined =>
  result.done === true ? undefined : (result.value as Row).n

describe('a pager of rows', () => {
  test('gives every call of next the row of its turn, also while a page is fetched', async () => {
    const { stream, releases } = pager([[1, 2, 3, 4]])
    const first = stream.next()
    const second = stream.next()
    // Begins as soon as the first call has ended, which may be before the second one ends.
    const third = first.then(() => stream.next())
    await settle()
    releases[0]!()
    expect((await Promise.all([first, second, third])).map(valueOf)).toEqual([1, 2, 3])
    expect(valueOf(await stream.next())).toBe(4)
    expect(valueOf(await stream.next())).toBeUndefined()
  })

  test('that is ended while a page is fetched yields no row', async () => {
    const { stream, releases } = pager([[1, 2], [3]])
    const first = stream.next()
    await settle()
    await stream.return()
    releases[0]!()
    expect(valueOf(await first)).toBeUndefined()
    expect(valueOf(await stream.next())).toBeUndefined()
    expect(releases).toHaveLength(1)
  })

  test('skips an empty page that is not the last', async () => {
    const { stream, releases } = pager([[], [1], []])
    const rows = stream.toArray()
    for (let page = 0; page < 3; page++) {
      while (releases.length === page) await Promise.resolve()
      releases[page]!()
    }
    expect(await rows).toEqual([{ n: 1 }])
  })

  test('fetches the next page when half of the rows of a page are taken, not before', async () => {
    const { stream, releases } = pager([[1, 2, 3, 4], [5, 6], [7]])
    const first = stream.next()
    await settle()
    releases[0]!()
    expect([await first, await stream.next()].map(valueOf)).toEqual([1, 2])
    await settle()
    expect(releases).toHaveLength(1)
    expect(valueOf(await stream.next())).toBe(3)
    expect(releases).toHaveLength(2)
    expect(valueOf(await stream.next())).toBe(4)
    const fifth = stream.next()
    await settle()
    expect(releases).toHaveLength(2)
    releases[1]!()
    expect(valueOf(await fifth)).toBe(5)
  })

  test('reports a failure behind the rows before it, and fetches that page again', async () => {
    let fetchCount = 0
    const stream = new RowPager<UnknownColumns>((pagingState) => {
      fetchCount++
      if (fetchCount === 2) return Promise.reject(new Error('no page'))
      const pages = { rows: () => [{ n: fetchCount }], pagingState: pagingState ?? next }
      return Promise.resolve(pages as unknown as Page<UnknownColumns>)
    })
    expect(valueOf(await stream.next())).toBe(1)
    await settle()
    await expect(stream.next()).rejects.toThrow('no page')
    expect(valueOf(await stream.next())).toBe(3)
    await stream.return()
  })

  test('asks again for rows that could not be decoded: none is skipped', async () => {
    let isBroken = true
    const rows = (): Row[] => {
      if (isBroken) throw new Error('no such value')
      return [{ n: 1 }]
    }
    const page = { rows, pagingState: undefined } as unknown as Page<UnknownColumns>
    const stream = new RowPager<UnknownColumns>(() => Promise.resolve(page))
    await expect(stream.next()).rejects.toThrow('no such value')
    isBroken = false
    expect(await stream.toArray()).toEqual([{ n: 1 }])
  })

  test('that is ended drops a page that fails meanwhile', async () => {
    let fail: (error: Error) => void = () => {}
    const stream = new RowPager<UnknownColumns>((pagingState) =>
      pagingState === undefined
        ? Promise.resolve({ rows: () => [{ n: 1 }], pagingState: next } as never)
        : new Promise((_, reject) => (fail = reject)),
    )
    for await (const row of stream) {
      expect(row).toEqual({ n: 1 })
      break
    }
    fail(new Error('unhandled, if nobody looks at it'))
    await settle()
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    await expect(stream.toArray()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    expect(() => stream.toReadableStream()).toThrow(/stream of rows/)
    await expect(stream.pages().next()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })

  test.each(['rows', 'pages', 'web stream'])(
    'holds two pages at most, consumed as %s',
    async (way) => {
      const counted = new CountedPages(400)
      const { stream } = counted
      let rowCount = 0
      const onRow = async (): Promise<void> => {
        if (rowCount % 7 === 0) await settle()
        rowCount++
        expect(counted.fetchCount * pageRowCount - rowCount).toBeLessThan(2 * pageRowCount)
      }
      if (way === 'rows') for await (const _ of stream) await onRow()
      if (way === 'pages') {
        for await (const page of stream.pages()) for (const _ of page.rows()) await onRow()
      }
      if (way === 'web stream') for await (const _ of stream.toReadableStream()) await onRow()
      expect(rowCount).toBe(400 * pageRowCount)
    },
  )

  test('as a web stream fetches nothing before it is read, and ends when it is cancelled', async () => {
    const counted = new CountedPages(10)
    const reader = counted.stream.toReadableStream().getReader()
    await settle()
    expect(counted.fetchCount).toBe(0)
    expect(await reader.read()).toEqual({ done: false, value: { n: 0 } })
    expect(counted.fetchCount).toBe(1)
    await reader.cancel()
    expect(await counted.stream.next()).toEqual({ done: true, value: undefined })
    expect(counted.fetchCount).toBe(1)
  })

  test('rows and pages can be mixed: a page is delivered once', async () => {
    const { stream } = new CountedPages(4)
    expect(valueOf(await stream.next())).toBe(0)
    const pages = stream.pages()
    const both = await Promise.all([pages.next(), pages.next(), pages.next(), pages.next()])
    const firsts = both.map(({ value }) => (value as Page | undefined)?.rows()[0])
    expect(firsts).toEqual([{ n: 4 }, { n: 8 }, { n: 12 }, undefined])
  })
})

const next = Uint8Array.of(1)
const pageRowCount = 4

/** Pages that are there at once. */
class CountedPages {
  fetchCount = 0
  readonly stream: RowPager<UnknownColumns>

  constructor(pageCount: number) {
    this.stream = new RowPager<UnknownColumns>(() => {
      const first = this.fetchCount++ * pageRowCount
      return Promise.resolve({
        rows: () => Array.from({ length: pageRowCount }, (_, i) => ({ n: first + i })),
        pagingState: this.fetchCount < pageCount ? next : undefined,
      } as unknown as Page<UnknownColumns>)
    })
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}
