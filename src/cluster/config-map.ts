import type { Problem } from '../base/problem.ts';
import type { ClusterObject } from './ports.ts';

/**
 * Which ConfigMap is the configuration. In this order: one that is called "clarion" and has a key of ours; one with a name
 * of MetalLB's and its key; any other that has one of these keys. Inside of a step the first by namespace and name wins,
 * and the others are problems, so that nobody wonders why an edit does nothing.
 */
interface Choice {
  readonly chosen: ClusterObject | undefined;
  readonly problems: readonly Problem[];
}

const OUR_NAME = 'clarion';
const METALLB_NAMES: ReadonlySet<string> = new Set(['config', 'metallb']);
const METALLB_KEY = 'config';
const KEYS = ['config.yaml', METALLB_KEY] as const;

/** `anyName`: the third step, for a folder of manifests; in a cluster other programs' ConfigMaps have such keys too. */
export function chooseConfigMap(configMaps: readonly ClusterObject[], { anyName = true } = {}): Choice {
  const having = (...keys: readonly string[]): readonly ClusterObject[] =>
    configMaps.filter((configMap) => keys.some((key) => hasKey(configMap, key)));
  const candidates = new Set([
    ...having(...KEYS).filter((configMap) => configMap.name === OUR_NAME),
    ...having(METALLB_KEY).filter((configMap) => METALLB_NAMES.has(configMap.name)),
    ...(anyName ? having(...KEYS) : []),
  ]);
  const [chosen, ...others] = candidates;
  if (chosen === undefined) return { chosen, problems: [] };
  return { chosen, problems: others.map((other) => notUsed(other, chosen)) };
}

function hasKey({ body }: ClusterObject, key: string): boolean {
  const data = body['data'];
  return typeof data === 'object' && data !== null && Object.hasOwn(data, key);
}

const notUsed = (other: ClusterObject, chosen: ClusterObject): Problem => ({
  severity: 'warning',
  file: other.origin.file,
  line: other.origin.line,
  column: 1,
  code: 'several-configurations',
  object: `ConfigMap ${other.namespace}/${other.name}`,
  message:
    `this ConfigMap looks like a configuration, but ${chosen.namespace}/${chosen.name} (${chosen.origin.file}:${chosen.origin.line}) ` +
    'is the one that is used. Delete one of them.',
});
