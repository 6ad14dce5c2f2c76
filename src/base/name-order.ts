/** By code units: the same order on every machine, whatever its language. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** By namespace, then name, as the lists of a cluster are sorted. */
export const compareNames = (
  a: { readonly namespace: string; readonly name: string },
  b: { readonly namespace: string; readonly name: string },
): number => compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
