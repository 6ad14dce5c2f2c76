import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';
import type { Problem } from '../base/problem.ts';
import type { ListSection } from './element.ts';
import { type ConfigSource, findConfigTexts } from './source.ts';

export type ElementPlace = Pick<Problem, 'file' | 'line' | 'column' | 'object'>;

/** Elements of these sections have a name by position where none is written. */
const PREFIXES: Partial<Record<ListSection, string>> = { l2Advertisements: 'l2', bgpAdvertisements: 'bgp' };

/**
 * Where an element stands that a judgement has by name: for what can be said of it only with a cluster at hand. The beginning of the text where
 * it cannot be found (another dialect).
 */
export function elementFinder(source: ConfigSource): (section: ListSection, name: string) => ElementPlace {
  const [found] = findConfigTexts(source);
  const text = found?.kind === 'text' ? found.text : undefined;
  const root = text && parseDocument(text.text, { uniqueKeys: false, prettyErrors: false }).contents;
  return (section, name) => {
    const list = isMap(root) ? root.get(section, true) : undefined;
    const items = isSeq(list) ? list.items : [];
    const item = items.find((one, i) => isMap(one) && nameOf(one, PREFIXES[section], i) === name);
    const at = text?.positionOf(isMap(item) ? (item.range?.[0] ?? 0) : 0);
    return {
      file: source.file,
      line: at?.line ?? 1,
      column: at?.column ?? 1,
      ...(text?.object === undefined ? {} : { object: text.object }),
    };
  };
}

function nameOf(item: YAMLMap, prefix: string | undefined, index: number): string | undefined {
  const name = item.get('name', true);
  if (isScalar(name) && typeof name.value === 'string') return name.value;
  return prefix === undefined ? undefined : `${prefix}-${index + 1}`;
}
