import { revalidatePath, revalidateTag } from 'next/cache'

export async function POST(request) {
  const { tag, expire, path } = await request.json()
  if (tag !== undefined) revalidateTag(tag, { expire })
  if (path !== undefined) revalidatePath(path)
  return new Response()
}
