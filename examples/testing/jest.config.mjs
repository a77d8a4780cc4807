/** Files are ES modules with `NODE_OPTIONS=--experimental-vm-modules`, and CommonJS without. */
export default {
  rootDir: '../..',
  testMatch: ['**/*.jest.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/examples/testing/jest-esbuild.mjs' },
}
