import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { makeCertificates } from './certificates.ts'
import { cassandraYaml, logbackXml, moduleFlags } from './config.ts'
import { fetchJars } from './jars.ts'

export interface CassandraOptions {
  /** Where configuration, logs and pids are kept. */
  readonly folder: string
  /** Where data goes. A folder in memory makes DDL about twice as fast. */
  readonly dataFolder: string
  /** One address per node; 127.0.0.0/8 needs no set-up on Linux. */
  readonly addresses: readonly string[]
  readonly port: number
  readonly auth?: boolean
  readonly tls?: boolean
  /** Largest Java heap, as the JVM spells it. */
  readonly heap?: string
  readonly readyTimeoutMs?: number
  /**
   * Whether nodes are killed and started again. A schema that was not flushed is unknown to a node
   * that replays its commit log, so that it drops the rows of the tables. Takes longer per DDL.
   */
  readonly survivesKill?: boolean
}

export interface CassandraCluster {
  readonly contactPoints: readonly string[]
  readonly pids: readonly number[]
  /** CA of the nodes' certificates, with `tls`. */
  readonly caFile: string | undefined
}

/** Starts one process per address and waits until each answers CQL. */
export async function startCassandra(options: CassandraOptions): Promise<CassandraCluster> {
  const cluster = await launchCassandra(options)
  try {
    for (const [index, address] of options.addresses.entries()) {
      await waitUntilReady(options, address, cluster.pids[index]!)
    }
    await waitForGossip(options)
    if (options.auth === true) await waitForSuperuser(options)
  } catch (error) {
    await stopProcesses(cluster.pids)
    throw error
  }
  return cluster
}

/** Starts one process per address and returns before any of them answers. */
export async function launchCassandra(options: CassandraOptions): Promise<CassandraCluster> {
  const jars = fetchJars()
  const pids: number[] = []
  let caFile: string | undefined
  try {
    for (const [index, address] of options.addresses.entries()) {
      const node = await prepareNode(options, index, address)
      caFile ??= node.caFile
      pids.push(launch(jars, node, options))
    }
  } catch (error) {
    await stopProcesses(pids)
    throw error
  }
  const contactPoints = options.addresses.map((address) => `${address}:${options.port}`)
  return { contactPoints, pids, caFile }
}

/** Starts one of the nodes again, with its data, and waits until it answers. @returns its pid */
export async function restartNode(options: CassandraOptions, index: number): Promise<number> {
  const address = options.addresses[index]!
  const pid = launch(fetchJars(), await prepareNode(options, index, address), options)
  await waitUntilReady(options, address, pid)
  return pid
}

interface PreparedNode {
  readonly folder: string
  readonly dataFolder: string
  readonly jmxPort: number
  readonly caFile: string | undefined
}

function nodeFolder(options: CassandraOptions, address: string): string {
  return join(options.folder, address)
}

async function prepareNode(
  options: CassandraOptions,
  index: number,
  address: string,
): Promise<PreparedNode> {
  const folder = nodeFolder(options, address)
  const dataFolder = join(options.dataFolder, address)
  for (const path of [join(folder, 'conf'), join(folder, 'tmp'), dataFolder]) {
    mkdirSync(path, { recursive: true })
  }
  rmSync(join(folder, 'system.log'), { force: true })
  const conf = join(folder, 'conf')
  const caFile = options.tls
    ? makeCertificates(conf, [`IP:${address}`, 'DNS:localhost'])
    : undefined
  const count = BigInt(options.addresses.length)
  const initialToken = -(2n ** 63n) + (2n ** 64n / count) * BigInt(index)
  writeFileSync(
    join(conf, 'cassandra.yaml'),
    cassandraYaml({
      address,
      port: options.port,
      seeds: options.addresses.slice(0, 1),
      initialToken: initialToken + 1n,
      dataFolder,
      auth: options.auth ?? false,
      tlsFolder: caFile === undefined ? undefined : conf,
    }),
  )
  writeFileSync(join(conf, 'cassandra-rackdc.properties'), 'dc=datacenter1\nrack=rack1\n')
  writeFileSync(join(conf, 'logback.xml'), logbackXml(join(folder, 'system.log')))
  return { folder, dataFolder, jmxPort: await freePort(), caFile }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

function launch(jars: string, node: PreparedNode, options: CassandraOptions): number {
  const conf = join(node.folder, 'conf')
  const jamm = readdirSync(jars).find((name) => name.startsWith('jamm-'))
  // A joining node gives up on its seed after the ring delay; alone there is nothing to wait for.
  const ringDelayMs = options.addresses.length > 1 ? 20_000 : 0
  const args = [
    ...(jamm === undefined ? [] : [`-javaagent:${join(jars, jamm)}`]),
    ...['-Xms256m', `-Xmx${options.heap ?? '1g'}`, '-Xss512k', '-XX:+UseSerialGC'],
    ...['-XX:MaxDirectMemorySize=512m', '-XX:-UsePerfData', '-XX:+ExitOnOutOfMemoryError'],
    ...moduleFlags,
    '-Djava.security.manager=allow',
    '-Djdk.attach.allowAttachSelf=true',
    '-Djava.net.preferIPv4Stack=true',
    `-Djava.io.tmpdir=${join(node.folder, 'tmp')}`,
    `-Djna.tmpdir=${join(node.folder, 'tmp')}`,
    '-Dio.netty.tryReflectionSetAccessible=true',
    `-Dcassandra.config=file://${join(conf, 'cassandra.yaml')}`,
    `-Dcassandra-rackdc.properties=file://${join(conf, 'cassandra-rackdc.properties')}`,
    `-Dlogback.configurationFile=${join(conf, 'logback.xml')}`,
    `-Dcassandra.storagedir=${node.dataFolder}`,
    `-Dcassandra.logdir=${node.folder}`,
    '-Dcassandra-foreground=yes',
    `-Dcassandra.jmx.local.port=${node.jmxPort}`,
    '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    `-Dcassandra.ring_delay_ms=${ringDelayMs}`,
    '-Dcassandra.superuser_setup_delay_ms=0',
    '-Dcassandra.sai.vector.allow_custom_parameters=true',
    `-Dcassandra.test.flush_local_schema_changes=${options.survivesKill ?? false}`,
    ...['-cp', `${conf}:${join(jars, '*')}`, 'org.apache.cassandra.service.CassandraDaemon'],
  ]
  const output = openSync(join(node.folder, 'stdout.log'), 'w')
  const child = spawn('java', args, { detached: true, stdio: ['ignore', output, output] })
  child.unref()
  if (child.pid === undefined) throw new Error('java could not be started')
  writeFileSync(join(node.folder, 'pid'), String(child.pid))
  return child.pid
}

async function waitUntilReady(
  options: CassandraOptions,
  address: string,
  pid: number,
): Promise<void> {
  const endMs = performance.now() + (options.readyTimeoutMs ?? 120_000)
  const log = join(nodeFolder(options, address), 'system.log')
  while (performance.now() < endMs) {
    if (!isAlive(pid)) throw new Error(`Cassandra on ${address} ended early, see ${log}`)
    if (await answersOptions(address, options.port, options.tls)) return
    await sleep(100)
  }
  throw new Error(`Cassandra on ${address} did not answer in time, see ${log}`)
}

/** Waits until the nodes know each other, which is after each answers CQL. */
async function waitForGossip(options: CassandraOptions): Promise<void> {
  const endMs = performance.now() + (options.readyTimeoutMs ?? 120_000)
  const hasHeardOf = (address: string, other: string): boolean =>
    readFileSync(join(nodeFolder(options, address), 'system.log'), 'utf8').includes(
      `/${other}:7000 is now UP`,
    )
  for (const address of options.addresses) {
    for (const other of options.addresses) {
      while (other !== address && !hasHeardOf(address, other)) {
        if (performance.now() > endMs)
          throw new Error(`${address} does not know ${other}: see its system.log`)
        await sleep(100)
      }
    }
  }
}

/** Waits until the role that clients log in with exists, which is after the node answers CQL. */
async function waitForSuperuser(options: CassandraOptions): Promise<void> {
  const [address = ''] = options.addresses
  const endMs = performance.now() + (options.readyTimeoutMs ?? 120_000)
  while (!(await acceptsLogin(address, options.port, options.tls))) {
    if (performance.now() > endMs) throw new Error(`${address} does not accept the default login`)
    await sleep(100)
  }
}

/**
 * Frames of protocol v4: STARTUP with CQL_VERSION 3.0.0, and AUTH_RESPONSE of the default login.
 */
const startup = Buffer.from('0400000001000000160001000b43514c5f56455253494f4e0005332e302e30', 'hex')
const login = Buffer.from('\0cassandra\0cassandra')
const authResponse = Buffer.concat([
  Buffer.from('040000000f', 'hex'),
  Buffer.from([0, 0, 0, login.length + 4, 0, 0, 0, login.length]),
  login,
])
const opcodeOf = { authenticate: 0x03, authSuccess: 0x10 }

function acceptsLogin(address: string, port: number, tls = false): Promise<boolean> {
  return converse(address, port, tls, startup, (opcode, socket) => {
    if (opcode === opcodeOf.authSuccess) return true
    if (opcode !== opcodeOf.authenticate) return false
    socket.write(authResponse)
    return undefined
  })
}

/** Whether a v4 OPTIONS frame comes back as SUPPORTED. A listening port alone is not ready. */
export function answersOptions(address: string, port: number, tls = false): Promise<boolean> {
  const options = Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0)
  return converse(address, port, tls, options, (opcode) => opcode === 0x06)
}

/**
 * Sends a frame of protocol v4 and passes the opcode of each response to `decide`, until that
 * returns a result. A node that does not answer, or not in v4, counts as `false`.
 */
function converse(
  address: string,
  port: number,
  tls: boolean,
  frame: Uint8Array,
  decide: (opcode: number | undefined, socket: Socket) => boolean | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    const target = { host: address, port }
    // Tests verify certificates. Here it only matters whether the node answers.
    const socket = tls ? connectTls({ ...target, rejectUnauthorized: false }) : connect(target)
    const finish = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(2_000, () => finish(false))
    socket.on('error', () => finish(false))
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(frame))
    socket.on('data', (bytes) => {
      const result = bytes[0] === 0x84 ? decide(bytes[4], socket) : false
      if (result !== undefined) finish(result)
    })
    socket.on('close', () => finish(false))
  })
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Ends processes by pid: with SIGTERM, after 30 seconds with SIGKILL. */
export async function stopProcesses(pids: readonly number[]): Promise<void> {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGTERM')
  const endMs = performance.now() + 30_000
  while (pids.some(isAlive) && performance.now() < endMs) await sleep(100)
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
}

/** Pids of the nodes that were started in a folder, also of those that have ended. */
export function knownPids(folder: string): { address: string; pid: number }[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((address) => existsSync(join(folder, address, 'pid')))
    .map((address) => ({
      address,
      pid: Number(readFileSync(join(folder, address, 'pid'), 'utf8')),
    }))
}
