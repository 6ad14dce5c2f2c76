/**
 * Whether the later form of a value lacks something that the earlier one had, the way the beginning of a text lacks its
 * end: a key or an item is missing, a scalar is cut short.
 */
export function loses(earlier: unknown, later: unknown): boolean {
  if (earlier === later || earlier === null || earlier === undefined) return false;
  if (later === null || later === undefined) return true;
  if (typeof earlier !== 'object') {
    const [before, after] = [String(earlier), String(later)];
    return before.length > after.length && before.startsWith(after);
  }
  if (typeof later !== 'object') return true;
  if (Array.isArray(earlier) && Array.isArray(later) && later.length < earlier.length) return true;
  const after = later as Readonly<Record<string, unknown>>;
  return Object.entries(earlier).some(([key, value]) => !Object.hasOwn(after, key) || loses(value, after[key]));
}
