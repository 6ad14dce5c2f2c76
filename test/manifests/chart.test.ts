import { describe, expect, it } from 'vitest';
import {
  chart,
  charted,
  find,
  helm,
  helmSkipNote,
  type KubernetesObject,
  kustomized,
  podSpecOf,
  run,
} from './objects.ts';

/** Labels that only a chart has. */
const CHART_LABELS = ['app.kubernetes.io/managed-by', 'helm.sh/chart'];

/** By kind and name, without the Namespace, which helm makes itself and a chart therefore must not. */
const byName = (objects: readonly KubernetesObject[]): Record<string, KubernetesObject> =>
  Object.fromEntries(
    objects
      .filter(({ kind }) => kind !== 'Namespace')
      .map((object): [string, KubernetesObject] => {
        const labels = Object.entries(object.metadata.labels ?? {}).filter(([name]) => !CHART_LABELS.includes(name));
        const { kind, metadata } = object;
        return [
          `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
          { ...object, metadata: { ...metadata, labels: Object.fromEntries(labels) } },
        ];
      })
      .toSorted(([one], [other]) => one.localeCompare(other)),
  );

describe.skipIf(helmSkipNote !== '')(`the Helm chart${helmSkipNote}`, () => {
  it('renders by default what kubectl apply -k manifests/ applies, object by object', () => {
    const ours = byName(charted());
    expect(Object.keys(ours).length).toBeGreaterThan(12);
    expect(ours).toEqual(byName(kustomized('.')));
  });

  it.each([
    ['base', ['config=null']],
    ['overlays/passive-peers', ['config=null', 'speaker.passivePeers=true']],
    ['overlays/one-controller', ['config=null', 'controller.replicas=1']],
    ['overlays/beside-metallb', ['config=null', 'speaker.statusPort=7482', 'speaker.membershipPort=7947']],
    [
      'overlays/observe',
      ['config=null', 'speaker.observe=true', 'speaker.statusPort=7482', 'speaker.membershipPort=7947'],
    ],
    [
      'overlays/monitoring',
      ['config=null', 'monitoring.podMonitor=true', 'monitoring.alerts=true', 'monitoring.dashboard=true'],
    ],
  ])('has values for what %s does', (folder, values) => {
    expect(byName(charted(...values))).toEqual(byName(kustomized(folder)));
  });

  it('passes its own linter', () => {
    expect(run(helm, ['lint', '--strict', chart])).toContain('0 chart(s) failed');
  });

  const container = (objects: readonly KubernetesObject[], kind: string, name: string) =>
    podSpecOf(find(objects, kind, name)).containers[0];

  it('passes arguments on to both programs', () => {
    const objects = charted('loadBalancerClass=example.com/clarion', 'ignoreExcludeLb=true', 'logLevel=debug');
    const common = ['--load-balancer-class=example.com/clarion', '--ignore-exclude-lb', '--log-level=debug'];
    expect(container(objects, 'Deployment', 'clarion-controller')?.args).toEqual(['controller', ...common]);
    const speaker = container(objects, 'DaemonSet', 'clarion-speaker')?.args;
    expect(speaker).toEqual(['speaker', '--node=$(NODE_NAME)', ...common]);
  });

  it('takes an image by digest before one by tag', () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    const image = (...values: string[]): unknown =>
      container(charted(...values), 'DaemonSet', 'clarion-speaker')?.image;
    expect(image('image.repository=registry.example/clarion', 'image.tag=v9')).toBe('registry.example/clarion:v9');
    expect(image('image.repository=registry.example/clarion', `image.digest=${digest}`)).toBe(
      `registry.example/clarion@${digest}`,
    );
  });

  it.each([
    ['a CPU limit of a speaker, which makes false failovers', 'speaker.resources.limits.cpu=1'],
    ['a value that there is not', 'speakers.observe=true'],
    ['a port that is none', 'speaker.statusPort=70000'],
    ['a level that is none', 'logLevel=verbose'],
    ['a digest that is none', 'image.digest=latest'],
  ])('refuses %s', (_what, value) => {
    expect(() => charted(value)).toThrow(/values don't meet the specifications of the schema/);
  });
});
