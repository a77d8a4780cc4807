import { exercise } from '../../../exercise.mjs'

export const dynamic = 'force-dynamic'

export async function GET(request) {
  return Response.json(await exercise(new URL(request.url).searchParams.get('path')))
}
