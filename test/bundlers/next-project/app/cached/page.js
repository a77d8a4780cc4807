import { cacheTag } from 'next/cache'
import { made } from '../../made.mjs'

export const dynamic = 'force-dynamic'

async function cached() {
  'use cache'
  cacheTag('cached')
  return made()
}

export default async function Page() {
  return await cached()
}
