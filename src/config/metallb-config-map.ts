import type { Problem } from '../base/problem.ts';
import type { Community } from './config.ts';
import { type Element, Findings, LIST_SECTIONS } from './element.ts';
import { judgeElements, openText } from './judge.ts';
import { Sections } from './sections.ts';
import { type ConfigSource, type ConfigText, findConfigTexts } from './source.ts';

/** The ConfigMap of MetalLB up to v0.12, for the migration: found among other objects, and judged by its own rules. */
export function findLegacyTexts(
  sources: readonly ConfigSource[],
  namespace: string | undefined,
): { readonly texts: readonly ConfigText[]; readonly problems: readonly Problem[] } {
  const found = sources.flatMap((source) => findConfigTexts(source));
  const texts = found.flatMap((one) => (one.kind === 'text' && isMeant(one.text, namespace) ? [one.text] : []));
  // A ConfigMap of somebody else may have a key that is close to ours.
  const problems = found.flatMap((one) =>
    one.kind === 'problem' && one.problem.code !== 'no-configuration' ? [one.problem] : [],
  );
  return { texts, problems };
}

const LEGACY_SECTIONS =
  /^\s*["']?(address-pools|bgp-communities|bfd-profiles|my-asn)["']?\s*:|\b(address-pools|my-asn)\b/m;

/** The name is "config", or that of a Helm release, so the contents tell. */
function isMeant({ object, key, text }: ConfigText, namespace: string | undefined): boolean {
  if (key === 'config.yaml') return false;
  if (object !== undefined && namespace !== undefined && !object.startsWith(`ConfigMap ${namespace}/`)) return false;
  return LEGACY_SECTIONS.test(text) || (object !== undefined && /^ConfigMap \S+\/(config|metallb)$/.test(object));
}

export function legacyElements(
  text: ConfigText,
  consequence: string,
):
  | { readonly elements: readonly Element[]; readonly communities: ReadonlyMap<string, Community | undefined> }
  | { readonly problems: readonly Problem[] } {
  const opened = openText(text);
  if (!('document' in opened)) return { problems: [{ ...opened, severity: 'error' }] };
  const findings = new Findings(text, consequence);
  const sections = new Sections(opened.document, 'config', findings);
  const lists = sections.elements();
  const communities = sections.communities();
  judgeElements({ elements: lists, communities, dialect: 'metallb-legacy', implied: false }, findings);
  const problems = findings.problems().filter(({ severity }) => severity === 'error');
  if (problems.length > 0) return { problems };
  // Judged: what was only worth a word is no fault of the new text.
  const elements = LIST_SECTIONS.flatMap((section) => lists[section]).map((one) => ({ ...one, faults: [] }));
  return { elements, communities };
}
