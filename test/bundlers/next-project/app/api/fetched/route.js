export const dynamic = 'force-dynamic'

export async function GET() {
  const options = { next: { revalidate: 3_600, tags: ['fetched'] } }
  return await fetch(process.env.ORIGIN, options)
}
