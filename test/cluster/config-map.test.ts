import { describe, expect, it } from 'vitest';
import { chooseConfigMap } from '../../src/cluster/config-map.ts';
import type { ClusterObject } from '../../src/cluster/ports.ts';

const configMap = (name: string, key: string, namespace = 'default'): ClusterObject => ({
  kind: 'ConfigMap',
  namespace,
  name,
  body: { data: { [key]: 'pools: []' } },
  origin: { file: `${name}.yaml`, line: 1, text: undefined },
});

describe('the ConfigMap that is the configuration', () => {
  const clarion = configMap('clarion', 'config.yaml', 'lb');
  const metallb = configMap('config', 'config', 'metallb-system');
  const other = configMap('edge', 'config.yaml');
  const rows: readonly (readonly [
    string,
    readonly ClusterObject[],
    ClusterObject | undefined,
    readonly ClusterObject[],
  ])[] = [
    ['none', [], undefined, []],
    ['one called clarion, in whatever namespace', [clarion], clarion, []],
    ['clarion with the key of MetalLB', [configMap('clarion', 'config')], configMap('clarion', 'config'), []],
    ["MetalLB's", [metallb], metallb, []],
    ["MetalLB's newer name", [configMap('metallb', 'config')], configMap('metallb', 'config'), []],
    ['any that has a key of ours', [configMap('x', 'data'), other], other, []],
    [
      'clarion before MetalLB before any other; the others are named',
      [other, metallb, clarion],
      clarion,
      [metallb, other],
    ],
    [
      'of two, the first of the list',
      [clarion, { ...clarion, namespace: 'z' }],
      clarion,
      [{ ...clarion, namespace: 'z' }],
    ],
    ['none without a key of ours', [configMap('clarion', 'other')], undefined, []],
  ];
  it.each(rows)('%s', (_title, list, chosen, others) => {
    const choice = chooseConfigMap(list);
    expect(choice.chosen).toEqual(chosen);
    expect(choice.problems.map(({ code, severity, object }) => [code, severity, object])).toEqual(
      others.map(({ namespace, name }) => ['several-configurations', 'warning', `ConfigMap ${namespace}/${name}`]),
    );
  });

  it('in a cluster is never one of another name', () => {
    expect(chooseConfigMap([other], { anyName: false }).chosen).toBeUndefined();
  });

  it('is none where data is nonsense', () => {
    expect(
      chooseConfigMap([
        { ...clarion, body: { data: 7 } },
        { ...clarion, body: { data: null } },
      ]).chosen,
    ).toBeUndefined();
  });
});
