import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { loadAddon } from '../../src/network/addon.ts';

const addon = loadAddon();

/** With `detail`, which the types do not know. */
type CollectionEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

/** The next collection of the whole heap, which V8 tells of when it is over. */
function nextMajorCollection(): Promise<number> {
  return new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const major = list
        .getEntries()
        .map((entry) => entry as CollectionEntry)
        .find(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR);
      if (major === undefined) return;
      observer.disconnect();
      resolve(major.duration);
    });
    observer.observe({ entryTypes: ['gc'] });
  });
}

test.skipIf(!addon.ok)(
  'a collection in steps begins at once and ends by itself (skipped: the addon is not built)',
  async () => {
    const collected = nextMajorCollection();
    if (addon.ok) addon.value.collectInSteps();
    expect(await collected).toBeGreaterThan(0);
  },
);

test.skipIf(!addon.ok)('trimming leaves what is in use as it is (skipped: the addon is not built)', () => {
  const kept = Buffer.alloc(1 << 20, 7);
  if (addon.ok) addon.value.trimMemory();
  expect(kept.every((octet) => octet === 7)).toBe(true);
});
