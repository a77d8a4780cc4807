import { expect } from 'vitest'

/** What a browser does with the cookies of one host. */
export class Browser {
  readonly #request: (
    method: string,
    path: string,
    headers: Record<string, string>,
  ) => Promise<Response>
  /** The `Cookie` field. */
  cookies = ''

  constructor(
    request: (method: string, path: string, headers: Record<string, string>) => Promise<Response>,
  ) {
    this.#request = request
  }

  async get(path: string): Promise<Response> {
    return await this.#keeping('GET', path, {})
  }

  async post(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return await this.#keeping('POST', path, headers)
  }

  /** Sends a request with these cookies, and leaves those of the browser as they are. */
  async send(method: string, path: string, cookie: string): Promise<Response> {
    return await this.#request(method, path, cookie === '' ? {} : { cookie })
  }

  /** Takes the cookies of an answer. */
  take(headers: Headers): void {
    for (const field of headers.getSetCookie()) {
      const [pair = ''] = field.split(';')
      const name = pair.slice(0, pair.indexOf('=') + 1)
      const others = this.cookies.split('; ').filter((one) => one !== '' && !one.startsWith(name))
      this.cookies = (field.includes('Max-Age=0') ? others : [...others, pair]).join('; ')
    }
  }

  async #keeping(method: string, path: string, headers: Record<string, string>): Promise<Response> {
    const cookie = this.cookies === '' ? {} : { cookie: this.cookies }
    const response = await this.#request(method, path, { ...headers, ...cookie })
    this.take(response.headers)
    return response
  }
}

/** Sends three rotations, three reads and a write of one cookie at once, and takes the answers. */
export async function rotateAmongRequests(
  browser: Browser,
): Promise<{ readonly old: string; readonly rotations: readonly Response[] }> {
  const old = browser.cookies
  const answers = await Promise.all([
    ...[1, 2, 3].map(() => browser.send('POST', '/rotate', old)),
    ...[1, 2, 3].map(() => browser.send('GET', '/', old)),
    browser.send('POST', '/theme/light', old),
  ])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 200])
  for (const page of answers.slice(3, 6)) {
    expect(await page.json()).toMatchObject({ userId: 'carol' })
  }
  for (const { headers } of answers) browser.take(headers)
  expect(browser.cookies).not.toBe(old)
  expect(await (await browser.get('/')).json()).toMatchObject({ data: { theme: 'light' } })
  return { old, rotations: answers.slice(0, 3) }
}
