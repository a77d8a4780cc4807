import { toDate } from '../kernel/index.ts'
import type { Executor } from '../types/index.ts'
import { Repository } from './repository.ts'

export interface User {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly createdAt: Date
}

/** Users by number: what a {@link Repository} looks like in an application. */
export class UserRepository extends Repository<User> {
  constructor(executor: Executor, table = 'users') {
    super(executor, {
      table,
      columns: {
        id: 'int',
        name: 'text',
        email: 'text',
        createdAt: { type: 'timestamp', read: (value) => toDate(value as Date | bigint) },
      },
      key: ['id'],
    })
  }
}
