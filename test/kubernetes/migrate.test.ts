import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeConfig } from '../../src/config/judge.ts';
import { aliases, all, bfd, bgp, l2, peer, pool, resource } from '../config/metallb-scene.ts';
import { PROGRAM } from '../e2e/scene.ts';
import { kubernetes, kubernetesSkipNote, type TestControlPlane, testControlPlane } from '../support/kubernetes.ts';

/** MetalLB's objects as a real API server gives them back: `kubectl get -o yaml | clarion migrate -`. Of its definitions only names and versions are here. */
const KINDS = [
  ['IPAddressPool', 'ipaddresspools', ['v1beta1']],
  ['AddressPool', 'addresspools', ['v1alpha1', 'v1beta1']],
  ['L2Advertisement', 'l2advertisements', ['v1beta1']],
  ['BGPAdvertisement', 'bgpadvertisements', ['v1beta1']],
  ['BGPPeer', 'bgppeers', ['v1beta1', 'v1beta2']],
  ['BFDProfile', 'bfdprofiles', ['v1beta1']],
  ['Community', 'communities', ['v1beta1']],
  ['ServiceL2Status', 'servicel2statuses', ['v1beta1']],
] as const;
const definition = ([kind, plural, versions]: (typeof KINDS)[number]): string =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.metallb.io` },
    spec: {
      group: 'metallb.io',
      scope: 'Namespaced',
      names: { kind, plural },
      versions: versions.map((name, i) => ({
        name,
        served: true,
        storage: i === versions.length - 1,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      })),
    },
  });
const PLURALS = KINDS.map(([, plural]) => `${plural}.metallb.io`).join(',');

describe.skipIf(!kubernetes.available)(`MetalLB's objects in a real API server${kubernetesSkipNote}`, () => {
  let cluster: TestControlPlane;
  const kubectl = (words: readonly string[], input?: string): Promise<string> => cluster.plane.kubectl(words, input);
  beforeAll(async () => {
    cluster = await testControlPlane('migrate');
    await kubectl(['apply', '-f', '-'], KINDS.map(definition).join('\n---\n'));
    await kubectl(['wait', '--for=condition=Established', ...KINDS.map(([, plural]) => `crd/${plural}.metallb.io`)]);
    await kubectl(['create', 'namespace', 'metallb-system']);
    await kubectl(['create', 'namespace', 'clarion-system']);
    await kubectl(['create', 'namespace', 'other']);
  }, 60_000);
  afterAll(() => cluster?.stop());

  const migrate = (input: string, ...words: string[]): Promise<{ out: string; err: string; code: number }> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [PROGRAM, 'migrate', '-', ...words], (error, out, err) =>
        resolve({ out, err, code: typeof error?.code === 'number' ? error.code : 0 }),
      );
      child.stdin?.end(input);
    });

  it('what kubectl get -o yaml prints becomes a ConfigMap that the API server takes, and that is judged good', {
    timeout: 60_000,
  }, async () => {
    await kubectl(
      ['apply', '-f', '-'],
      all(
        pool(
          'autoAssign: false, serviceAllocation: {priority: 3, namespaces: [a]}',
          '10.20.0.0/24, "2001:db8::/112"',
          'edge',
        ).replace('metadata: {', 'metadata: {labels: {tier: edge}, '),
        resource(
          'AddressPool',
          'old',
          'protocol: bgp, addresses: [10.30.0.0/24], bgpAdvertisements: [{aggregationLength: 26}]',
          'v1alpha1',
        ),
        l2('ipAddressPools: [edge], interfaces: [eth0]'),
        bgp('ipAddressPoolSelectors: [{matchLabels: {tier: edge}}], communities: [mine], peers: [tor, older]'),
        peer('bfdProfile: fast, passwordSecret: {name: bgp, namespace: metallb-system}'),
        peer('peerPort: 1179, holdTime: 30s', 'older', 'v1beta1'),
        bfd('receiveInterval: 200'),
        aliases('{name: mine, value: "64512:7"}'),
        resource('ServiceL2Status', 'l2-abc', 'x: 1'),
        resource('IPAddressPool', 'elsewhere', 'addresses: [10.20.0.0/24]', 'v1beta1', 'other'),
      ),
    );
    for (const format of ['yaml', 'json']) {
      const { out, err, code } = await migrate(await kubectl(['get', '-A', '-o', format, PLURALS]));
      expect([code, err.match(/^converted/gm)?.length]).toEqual([0, 9]);
      expect(err).toMatch(/^ignored +IPAddressPool other\/elsewhere /m);
      const { config, problems } = judgeConfig({ file: 'out', text: out });
      expect(problems).toEqual([]);
      expect(config.pools.map(({ name, labels }) => [name, labels])).toEqual([
        ['edge', { tier: 'edge' }],
        ['old', {}],
      ]);
      expect(config.peers.map(({ name, holdTime, peerPort }) => [name, holdTime, peerPort])).toEqual([
        ['older', 30_000, 1179],
        ['tor', 90_000, 179],
      ]);
      await kubectl(['apply', '-f', '-'], out);
      const stored = await kubectl(['get', 'configmap', 'clarion', '-n', 'clarion-system', '-o', 'yaml']);
      expect(judgeConfig({ file: 'stored', text: stored }).config).toEqual(config);
    }
  });

  it('the runbook waits for the Services that it means', async () => {
    const page = readFileSync(new URL('../../docs/migration.md', import.meta.url), 'utf8');
    const [, words = ''] = /`kubectl (wait [^`]*)`/.exec(page) ?? [];
    expect(words).toContain('clarion.dev/Announced');
    const spec = { ports: [{ port: 80 }], selector: { app: 'x' } };
    const object = (name: string, type: string) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ...spec, type } });
    await kubectl(['apply', '-f', '-'], `${object('plain', 'ClusterIP')}\n---\n${object('web', 'LoadBalancer')}`);
    const wait = words.replace('--timeout=30s', '--timeout=1s').split(' ');
    await expect(kubectl(wait)).rejects.toThrow(/timed out/);
    const condition = {
      type: 'clarion.dev/Announced',
      status: 'True',
      reason: 'Announced',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    await kubectl([
      'patch',
      'service',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status: { conditions: [condition] } }),
    ]);
    expect(await kubectl(wait)).toBe('service/web condition met\n');
  });

  it('what MetalLB would not load is refused, with the place in what kubectl printed', async () => {
    await kubectl(['apply', '-f', '-'], bgp('communities: [gone]', 'bad'));
    const { out, err, code } = await migrate(await kubectl(['get', '-n', 'metallb-system', '-o', 'yaml', PLURALS]));
    expect([out, code]).toEqual(['', 1]);
    expect(err).toMatch(/^<stdin>:\d+:\d+: unknown-community: .*\(BGPAdvertisement metallb-system\/bad\)$/m);
  });
});
