import { expect, test } from 'vitest'
import { addressKey } from '../../src/adapters/request-limit.ts'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:DB8::1', '2001:db8::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
  ['not an address', 'not an address'],
])('the key of %s is %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

test.each([undefined, ''])('without an address there is no key: %s', (address) => {
  expect(() => addressKey(address)).toThrow('key')
})
