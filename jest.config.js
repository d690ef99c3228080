/** Five projects: `unit` needs nothing, `redis` needs a Redis, `e2e` the built system; `faults` breaks that for minutes, and
 *  `upgrade` runs it beside the last release. */
const common = {
  testEnvironment: 'node',
  // Jest adds `import` or `require` itself, by who asks: named here, `import` would give ES modules to CommonJS
  testEnvironmentOptions: { customExportConditions: ['@millrace/source', 'node'] },
  setupFilesAfterEnv: ['<rootDir>/tests/timeout.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/'],
};

export default {
  reporters: ['default', '<rootDir>/tests/failed-files.mjs', '<rootDir>/tests/retried-tests.mjs'],
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/{packages,services,scripts,infra,bench,tests/autoscaling,tests/chaos,tests/incidents}/**/*.test.ts',
      ],
      testPathIgnorePatterns: [...common.testPathIgnorePatterns, '\\.redis\\.test\\.ts$'],
    },
    {
      ...common,
      displayName: 'redis',
      testMatch: ['<rootDir>/{packages,services}/**/*.redis.test.ts'],
    },
    {
      ...common,
      displayName: 'e2e',
      globalSetup: '<rootDir>/tests/e2e/canaries/keep-logs.ts',
      globalTeardown: '<rootDir>/tests/e2e/canaries/search-logs.ts',
      testMatch: ['<rootDir>/tests/e2e/**/*.test.ts'],
    },
    {
      ...common,
      displayName: 'faults',
      setupFilesAfterEnv: ['<rootDir>/tests/faults/timeout.ts'],
      testMatch: ['<rootDir>/tests/faults/**/*.test.ts'],
    },
    {
      ...common,
      displayName: 'upgrade',
      setupFilesAfterEnv: ['<rootDir>/tests/faults/timeout.ts'],
      testMatch: ['<rootDir>/tests/upgrade/**/*.test.ts'],
    },
  ],
};
