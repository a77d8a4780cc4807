import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type Session, SessionBuilder } from '../../src/index.ts'
import { observe } from './observe.ts'
import { randomConditional } from './random/conditions.ts'
import { createDice, type Dice } from './random/dice.ts'
import { randomRead } from './random/reads.ts'
import { createUserType, type RandomTable, randomTable } from './random/tables.ts'
import { randomWrite, type WriteState } from './random/writes.ts'

interface Step {
  readonly text: string
  readonly pageSize: number | undefined
}

const cassandra = inject('cassandra')
const seedFirst = Number(process.env['TSYLLA_SEED'] ?? 1)
const seedCount = Number(process.env['TSYLLA_SEEDS'] ?? 15)
const stepCount = 120
const seeds = Array.from({ length: seedCount }, (_item, index) => seedFirst + index)

function randomSteps(dice: Dice, table: RandomTable): Step[] {
  const state: WriteState = { ttl: 0 }
  return Array.from({ length: stepCount }, (_item, index) => {
    // Something is there before it is read.
    const isWrite = index < 15 || dice.chance(0.5)
    if (!isWrite) return randomRead(dice, table)
    const isConditional = table.hasConditions && dice.chance(0.35)
    const text = isConditional ? randomConditional(dice, table) : randomWrite(dice, table, state)
    return { text, pageSize: undefined }
  })
}

describe.skipIf(cassandra === undefined)('random statements of a seed', () => {
  const keyspace = `r_${randomBytes(6).toString('hex')}`
  let engine: Session
  let oracle: Session
  let copyCount = 0

  beforeAll(async () => {
    const open = (contactPoint: string): Promise<Session> =>
      new SessionBuilder()
        .knownNode(contactPoint)
        .useKeyspace(keyspace, false)
        .createKeyspace()
        .requestTimeout(30_000)
        .build()
    ;[engine, oracle] = await Promise.all([open('embedded:'), open(cassandra!)])
    for (const session of [engine, oracle]) await session.execute(createUserType)
  })

  afterAll(async () => {
    await oracle?.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
    await Promise.all([engine?.close(), oracle?.close()])
  })

  async function compare({ text, pageSize }: Step): Promise<[ours: unknown, theirs: unknown]> {
    const statement = {
      line: 0,
      text,
      pageSize,
      values: undefined,
      isPreparedOnly: false,
      isUnordered: false,
    }
    return Promise.all([observe(engine, keyspace, statement), observe(oracle, keyspace, statement)])
  }

  /** Whether the steps end in a difference, on a table of their own. */
  async function isDifferent(table: RandomTable, steps: readonly Step[]): Promise<boolean> {
    const name = `copy_${++copyCount}`
    const rename = (text: string): string => text.replaceAll(table.name, name)
    await compare({ text: rename(table.create), pageSize: undefined })
    let last: [unknown, unknown] = [undefined, undefined]
    for (const step of steps) last = await compare({ ...step, text: rename(step.text) })
    await compare({ text: `DROP TABLE ${name}`, pageSize: undefined })
    return JSON.stringify(last[0]) !== JSON.stringify(last[1]) && !isCrash(last[1])
  }

  /** Leaves out what the difference does not need: halves first, then single statements. */
  async function minimize(table: RandomTable, steps: readonly Step[]): Promise<Step[]> {
    const last = steps.at(-1)!
    let kept = steps.slice(0, -1)
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
      for (let start = 0; start < kept.length; ) {
        const fewer = [...kept.slice(0, start), ...kept.slice(start + size)]
        if (await isDifferent(table, [...fewer, last])) kept = fewer
        else start += size
      }
    }
    return [...kept, last]
  }

  for (const seed of seeds) {
    test(`${seed} are answered alike`, { timeout: 120_000 }, async () => {
      const dice = createDice(seed)
      const table = randomTable(dice, `t_${seed}`)
      const steps = randomSteps(dice, table)
      await compare({ text: table.create, pageSize: undefined })
      for (const [index, step] of steps.entries()) {
        const [ours, theirs] = await compare(step)
        if (JSON.stringify(ours) === JSON.stringify(theirs) || isCrash(theirs)) continue
        const needed = await minimize(
          table,
          steps.slice(0, index + 1).filter((other, at) => at === index || isWrite(other)),
        )
        const script = [table.create, ...needed.map(({ text }) => text)].join(';\n')
        expect({ seed, pageSize: step.pageSize, ours }, `${script};\n`).toEqual({
          seed,
          pageSize: step.pageSize,
          ours: theirs,
        })
      }
    })
  }
})

/** Cassandra itself fails at a few reads; that says nothing about the engine. */
function isCrash(observed: unknown): boolean {
  const { error } = observed as { error?: string }
  return error === '0x1300' || error === '0x0' || error === '0xa'
}

function isWrite({ text }: Step): boolean {
  return !text.startsWith('SELECT')
}
