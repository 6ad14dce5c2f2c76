import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Network tests bring up namespaces and measure time; two cores do not bear more files at once.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'clarion',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kubernetes/**'],
          sequence: { groupOrder: 0 },
        },
      },
      // An API server that starts takes both cores for seconds; so these come when nobody measures time any more.
      {
        extends: true,
        test: {
          name: 'kubernetes',
          include: ['test/kubernetes/**/*.test.ts'],
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
