import { type Fault, type Place, placeAt } from './tree.ts';

/**
 * What MetalLB refuses about label selectors and our rules do not see: a value or an expression that is written twice.
 *
 * Standards: MetalLB's internal/config, validateLabelSelectorDuplicate.
 */
const SELECTORS: readonly (readonly string[])[] = [
  ['nodeSelectors'],
  ['ipAddressPoolSelectors'],
  ['serviceSelectors'],
  ['serviceAllocation', 'namespaceSelectors'],
  ['serviceAllocation', 'serviceSelectors'],
];

export function selectorFaults(spec: unknown, place: Place): readonly Fault[] {
  return SELECTORS.flatMap((path) =>
    listAt(spec, path).flatMap((selector, i) =>
      expressionFaults(listAt(selector, ['matchExpressions']), placeAt(place, [...path, i, 'matchExpressions'])),
    ),
  );
}

function expressionFaults(expressions: readonly unknown[], place: Place): readonly Fault[] {
  const seen = new Set<string>();
  return expressions.flatMap((expression, i): readonly Fault[] => {
    const values = listAt(expression, ['values']);
    const { at } = placeAt(place, [i]);
    const { key, operator } = expression as { readonly key?: unknown; readonly operator?: unknown };
    const said = JSON.stringify([key, operator, values.map(String).toSorted()]);
    const twice = seen.has(said);
    seen.add(said);
    if (twice)
      return [{ code: 'duplicate-value', at, message: 'this expression is written twice; remove one of them' }];
    const repeated = values.findIndex((value, j) => values.indexOf(value) < j);
    if (repeated < 0) return [];
    const where = placeAt(place, [i, 'values', repeated]).at;
    const message = `"${String(values[repeated])}" is written twice among the values; remove one of them`;
    return [{ code: 'duplicate-value', at: where, message }];
  });
}

/** The list there; nothing where there is none, which other rules report. */
function listAt(value: unknown, path: readonly string[]): readonly unknown[] {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return [];
    found = (found as Readonly<Record<string, unknown>>)[step];
  }
  return Array.isArray(found)
    ? found.filter((item) => (typeof item === 'object' ? item !== null : path.at(-1) === 'values'))
    : [];
}
