import { made } from '../../made.mjs'

export const revalidate = 1

export default function Page() {
  return made()
}
