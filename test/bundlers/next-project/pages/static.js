import { made } from '../made.mjs'

export function getStaticProps() {
  return { props: { text: made() }, revalidate: 3_600 }
}

export default function Page({ text }) {
  return text
}
