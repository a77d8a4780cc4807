import { createRandom } from '../../../src/util/index.ts'

/** The choices of one seed. */
export interface Dice {
  /** An integer of `min` to `max`, both included. */
  integer(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** Different items in their order, `min` to `max` of them as far as there are so many. */
  some<T>(items: readonly T[], min: number, max?: number): T[]
}

export function createDice(seed: number): Dice {
  const random = createRandom(seed)
  const integer = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1))
  return {
    integer,
    chance: (probability) => random() < probability,
    pick: (items) => items[integer(0, items.length - 1)]!,
    some(items, min, max = items.length) {
      const left = items.map((_item, index) => index)
      const chosen: number[] = []
      const count = Math.min(items.length, integer(min, Math.max(min, max)))
      while (chosen.length < count) chosen.push(left.splice(integer(0, left.length - 1), 1)[0]!)
      return chosen.sort((a, b) => a - b).map((index) => items[index]!)
    },
  }
}
