/**
 * Whether the later form of a value lacks something that the earlier one had, the way the beginning of a text lacks its
 * end: a key or an item is missing, a scalar is cut short.
 */
export function loses(earlier: unknown, later: unknown): boolean {
  if (earlier === later || earlier === null || earlier === undefined) return false;
  if (later === null || later === undefined) return true;
  if (typeof earlier !== 'object' || typeof later !== 'object') {
    const [before, after] = [scalarText(earlier), scalarText(later)];
    return before === undefined ? true : after !== undefined && before !== after && before.startsWith(after);
  }
  if (Array.isArray(earlier) && Array.isArray(later) && later.length < earlier.length) return true;
  const after = later as Readonly<Record<string, unknown>>;
  return Object.entries(earlier).some(([key, value]) => !Object.hasOwn(after, key) || loses(value, after[key]));
}

/** Undefined for a mapping or a list. */
const scalarText = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'object' ? undefined : JSON.stringify(value);
