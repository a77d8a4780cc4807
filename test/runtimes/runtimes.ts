import { join } from 'node:path'

/** A program that runs JavaScript, and where its package on the registry has it. */
export interface Runtime {
  readonly name: string
  /** Name of the package where it is installed. */
  readonly alias: string
  /** The package on the registry, with the version that is tested. */
  readonly spec: string
  /** Path of the program in the package. */
  readonly program: string
  /** Parameters in front of a script. */
  readonly parameters: readonly string[]
  /** Whether all tests run on it, or only those that users notice first. */
  readonly isTestedWhole: boolean
}

const platform = `${process.platform}-${process.arch}`

/** How the packages of Deno and Bun name the platforms of Node. */
const denoPlatforms: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64-glibc',
  'linux-arm64': 'linux-arm64-glibc',
  'darwin-arm64': 'darwin-arm64',
}
const bunPlatforms: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-aarch64',
  'darwin-arm64': 'darwin-aarch64',
}

/** Whether the registry has all of them for this machine. */
export const hasRuntimes: boolean = platform in denoPlatforms

function node(version: string, isTestedWhole: boolean): Runtime {
  const spec = `node-${platform}@${version}`
  const alias = `node-${version.split('.')[0]}`
  return {
    ...{ name: `Node ${version}`, alias, spec, program: 'bin/node', parameters: [] },
    isTestedWhole,
  }
}

/** Node 20 runs all other tests. */
export const runtimes: readonly Runtime[] = [
  node('22.23.3', false),
  node('24.21.0', false),
  node('26.12.1', true),
  {
    ...{ name: 'Bun 1.4.5', alias: 'bun', spec: `@oven/bun-${bunPlatforms[platform]}@1.4.5` },
    // The flag also holds for scripts whose first line asks for Node.
    ...{ program: 'bin/bun', parameters: ['--bun'], isTestedWhole: true },
  },
  {
    ...{ name: 'Deno 2.9.6', alias: 'deno', spec: `@deno/${denoPlatforms[platform]}@2.9.6` },
    ...{ program: 'deno', parameters: ['run', '--allow-all'], isTestedWhole: true },
  },
]

/** What `npm install` takes. */
export function installSpec({ alias, spec }: Runtime): string {
  return `${alias}@npm:${spec}`
}

/** @param folder where it was installed */
export function programPath({ alias, program }: Runtime, folder: string): string {
  return join(folder, 'node_modules', alias, program)
}
