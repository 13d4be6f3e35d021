import { defineConfig } from 'vitest/config';

/** One config; tiers are chosen by path (see tools/check.ts). */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What was found must be in the message: a report has nothing else to show of a test that failed elsewhere.
    chaiConfig: { truncateThreshold: 500 },
    coverage: {
      provider: 'v8',
      include: ['src/core/**', 'src/traffic/**', 'src/analysis/**'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { branches: 95 },
    },
  },
});
