/** What the driver calls itself in STARTUP; kept in step with package.json by the tidy test. */
export const driverName = 'tsylla'
export const driverVersion = '0.1.0'
