import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Network tests bring up namespaces and measure time; two cores do not bear more files at once.
    maxWorkers: 2,
  },
});
