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
    await Promise.resolve()
    releases[0]!()
    expect((await Promise.all([first, second, third])).map(valueOf)).toEqual([1, 2, 3])
    expect(valueOf(await stream.next())).toBe(4)
    expect(valueOf(await stream.next())).toBeUndefined()
  })

  test('that is ended while a page is fetched yields no row', async () => {
    const { stream, releases } = pager([[1, 2], [3]])
    const first = stream.next()
    await Promise.resolve()
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
})
