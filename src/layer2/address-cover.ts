/**
 * Few spans that cover many addresses, for the filter in the kernel: exact while they fit, else the narrowest gaps are
 * closed, so that the superset is as small as can be. Ascending, never overlapping, never adjacent.
 */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** The fewest spans that hold exactly these values, then merged until there are no more than `limit`. */
export function coverOf(values: Iterable<bigint>, limit: number): readonly Span[] {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const spans: { first: bigint; last: bigint }[] = [];
  for (const value of sorted) {
    const previous = spans.at(-1);
    if (previous !== undefined && value <= previous.last + 1n) previous.last = value;
    else spans.push({ first: value, last: value });
  }
  return mergedTo(spans, limit);
}

/** Closes the narrowest gaps until there are no more than `limit` spans. */
export function mergedTo(spans: readonly Span[], limit: number): readonly Span[] {
  if (spans.length <= limit) return spans;
  const gaps = spans.slice(1).map((span, i) => ({ before: i + 1, width: span.first - spans[i]!.last }));
  gaps.sort((a, b) => (a.width > b.width ? -1 : a.width < b.width ? 1 : a.before - b.before));
  const kept = new Set(gaps.slice(0, limit - 1).map(({ before }) => before));
  const merged: { first: bigint; last: bigint }[] = [];
  spans.forEach((span, i) => {
    if (i === 0 || kept.has(i)) merged.push({ ...span });
    else merged.at(-1)!.last = span.last;
  });
  return merged;
}

export function covers(spans: readonly Span[], value: bigint): boolean {
  return spans.some(({ first, last }) => first <= value && value <= last);
}

/** One value more: cheaper than `coverOf` when Services come one by one. */
export function coverWith(spans: readonly Span[], value: bigint, limit: number): readonly Span[] {
  if (covers(spans, value)) return spans;
  const below = spans.filter(({ last }) => last + 1n < value);
  const above = spans.filter(({ first }) => value + 1n < first);
  const touching = spans.slice(below.length, spans.length - above.length);
  const joined = { first: touching[0]?.first ?? value, last: touching.at(-1)?.last ?? value };
  const middle = {
    first: value < joined.first ? value : joined.first,
    last: value > joined.last ? value : joined.last,
  };
  return mergedTo([...below, middle, ...above], limit);
}
