import { cacheTag } from 'next/cache'
import { connection } from 'next/server'
import { createElement, Suspense } from 'react'
import { made } from '../../made.mjs'

async function cached() {
  'use cache'
  cacheTag('shell')
  return made()
}

async function Fresh() {
  await connection()
  return `fresh, ${made()}`
}

/** A part that is made ahead, and one that is made for every request. */
export default async function Page() {
  const fresh = createElement(Suspense, { fallback: '…' }, createElement(Fresh))
  return createElement('p', {}, await cached(), fresh)
}
