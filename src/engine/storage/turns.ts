/** Lets everything that is due run first, timers and sockets included. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const waiting: (() => void)[] = []

/**
 * A turn of the event loop for one slice of long work. Those who wait get one turn each, in the
 * order they came: however many they are, the slices of a turn do not add up.
 */
export function nextSlot(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    if (waiting.length === 1) setImmediate(serve)
  })
}

/** Whether long work waits for its turn: what is new should be short. */
export function areSlotsTaken(): boolean {
  return waiting.length > 0
}

function serve(): void {
  waiting.shift()!()
  if (waiting.length > 0) setImmediate(serve)
}
