import type { ClusterObject } from '../ports.ts';
import { type ParsedManifest, parseManifest } from './parse.ts';

/**
 * `--config FILE`: the configuration outside of the folder, a ConfigMap or the bare text of one. Either way it is seen as the
 * ConfigMap default/clarion, so that nothing behind the reader knows where it came from.
 */
export function parseConfigFile(file: string, text: string, known: ParsedManifest['documents']): ParsedManifest {
  const manifest = parseManifest(file, text, known);
  const bare = SAYS_SOMETHING.test(text) && manifest.objects.length === 0 && !manifest.broken;
  if (bare) return { ...manifest, objects: [configMapOf(file, text)], problems: [] };
  const found = manifest.objects.find((object) => object.kind === 'ConfigMap');
  return { ...manifest, objects: found === undefined ? [] : [{ ...found, ...IDENTITY }] };
}

/** A line that is not blank, no comment and no marker. */
const SAYS_SOMETHING = /^(?!---|\.\.\.|%)\s*[^\s#]/m;

const IDENTITY = { namespace: 'default', name: 'clarion' };

const configMapOf = (file: string, text: string): ClusterObject => ({
  kind: 'ConfigMap',
  ...IDENTITY,
  body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: IDENTITY, data: { 'config.yaml': text } },
  origin: { file, line: 1, text },
});
