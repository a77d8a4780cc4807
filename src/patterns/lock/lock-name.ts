import { checkText } from '../../kernel/index.ts'

const nameBytesMax = 8_192

/** @param what has the name, for the error @throws ConfigError unless `name` can be one */
export function checkLockName(what: string, name: string): void {
  checkText(`The name of a ${what}`, name, nameBytesMax)
}
