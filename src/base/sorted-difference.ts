import { compareNames } from './name-order.ts';

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/**
 * What went and what came between two lists that are sorted by namespace and name, by identity: what changed is in both. Of ten
 * thousand nearly all are the same objects in the same order, and those cost no more than the comparison of two references.
 */
export function sortedDifference<T extends Named>(
  before: readonly T[],
  now: readonly T[],
): { readonly gone: readonly T[]; readonly come: readonly T[] } {
  const gone: T[] = [];
  const come: T[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    while (i < before.length && j < now.length && before[i] === now[j]) {
      i++;
      j++;
    }
    if (i === before.length && j === now.length) return { gone, come };
    const order = i === before.length ? 1 : j === now.length ? -1 : compareNames(before[i]!, now[j]!);
    if (order <= 0) gone.push(before[i++]!);
    if (order >= 0) come.push(now[j++]!);
  }
}
