import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machineTime, ms, seconds } from '../../src/base/clock.ts';
import { startConnections } from '../../src/lab/connections.ts';
import { CLIENT, NODES } from '../../src/lab/kubernetes/network.ts';
import type { ClusterStatus } from '../../src/status/cluster-status.ts';
import { until } from '../support/until.ts';
import { wait } from './controllers.ts';
import { type Life, lifeOf, type MetallbScene, metallb, metallbScene, metallbSkipNote } from './metallb-scene.ts';
import { webDeployment, webService } from './workloads.ts';

/** Steps 1 to 5 of docs/migration.md with MetalLB itself, each command as it is written there; and what an engineer does wrong at night. */
const POOL = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: public, namespace: metallb-system}
spec: {addresses: [192.0.2.200-192.0.2.219, "2001:db8:2::200-2001:db8:2::21f"]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: public, namespace: metallb-system}
spec: {ipAddressPools: [public]}
`;
const selector = { selector: { app: 'web' } };
const shared = { annotations: { 'metallb.io/allow-shared-ip': 'x', 'metallb.io/loadBalancerIPs': '192.0.2.219' } };
const SERVICES = [
  ...Array.from({ length: 8 }, (_, i) => webService(`web${i}`, selector)),
  webService('local', { ...selector, externalTrafficPolicy: 'Local' }),
  webService('dual', { ...selector, ipFamilyPolicy: 'RequireDualStack' }),
  webService('asked', selector, { annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.217' } }),
  webService('shared-a', selector, shared),
  webService('shared-b', { ...selector, ports: [{ port: 81, targetPort: 8080 }] }, shared),
];
const ADDRESSES = '{.metadata.name} {.status.loadBalancer.ingress[*].ip}{"\\n"}';
/** Of the client's questions, milliseconds. */
const EVERY = 20;
/** Two may answer for this long, while speakers of ours that start together on a busy machine find each other. */
const MEETING = 1000;
/** The grace period of MetalLB's speakers, and what a busy machine adds. */
const PARTING = 3000;

describe.skipIf(!metallb.available)(`from MetalLB itself to Clarion${metallbSkipNote}`, { timeout: 120_000 }, () => {
  let scene: MetallbScene;
  /** What every status said, from the first to the last. */
  const statuses = new Set<string>();
  let watch: ChildProcess | undefined;
  let vips: readonly string[] = [];
  beforeAll(async () => {
    scene = await metallbScene('mlb');
    const { lab, plane } = scene.cluster;
    await scene.apply(POOL, webDeployment('web', 3), ...SERVICES);
    await scene.kubectl('rollout', 'status', 'deployment/web', '--timeout=30s');
    const words = ['get', 'service', '--namespace=default', '--watch', '--output', `jsonpath=${ADDRESSES}`];
    watch = lab.spawn(plane.host, plane.kubectlCommand(words), { stdio: ['ignore', 'pipe', 'inherit'] });
    if (watch.stdout !== null)
      createInterface(watch.stdout).on('line', (line) => {
        if (/ \S/.test(line)) statuses.add(line);
      });
    await until('MetalLB gives addresses to all', seconds(20), () => statuses.size === SERVICES.length);
    vips = [...new Set([...statuses].flatMap((line) => line.split(' ').slice(1)))];
    scene.capture.ask(vips, ms(EVERY));
    await until('MetalLB answers for all', seconds(20), () => {
      const seen = scene.capture.seen.since(0);
      return vips.every((vip) => seen.some(({ address, what }) => address === vip && what === 'answer'));
    });
    // It is the third second of its speakers' announcements until one of them has each.
    await wait(3000);
  }, 120_000);
  afterAll(async () => {
    watch?.kill('SIGKILL');
    await scene?.stop();
  });

  const rolledOut = async (): Promise<void> => {
    for (const what of ['daemonset/clarion-speaker', 'deployment/clarion-controller'])
      await scene.kubectl('rollout', 'status', what, '--namespace=clarion-system', '--timeout=60s');
  };
  const status = async (): Promise<ClusterStatus> =>
    JSON.parse(await scene.shell('clarion status -o json')) as ClusterStatus;
  const convert = (): Promise<string> => scene.typed('kubectl get -A -o yaml ipaddresspools');
  const install = async (overlay: string): Promise<void> => {
    await scene.typed('kubectl apply -f manifests/base/namespace.yaml');
    await scene.typed('kubectl apply -f clarion.yaml');
    await scene.typed(`kubectl apply -k manifests/overlays/${overlay}`);
    await rolledOut();
  };
  const stopMetallb = async (): Promise<void> => {
    await scene.typed('kubectl -n metallb-system patch daemonset speaker -p');
    await scene.typed('kubectl wait --for=condition=clarion.dev/Announced');
  };

  interface Stretch {
    readonly ipv4: ReadonlyMap<string, Life>;
    readonly ipv6: ReadonlyMap<string, Life>;
  }
  /** What the client saw while something was done, and `more` milliseconds after it. Prints it. No connection of a client may fail. */
  async function expectServed(title: string, more: number, work: () => Promise<unknown>): Promise<Stretch> {
    const stream = await startConnections(scene.cluster.lab, CLIENT.host, `http://${vips[0]}/`, ms(10));
    const from = machineTime();
    await work();
    await wait(more);
    const to = machineTime() - EVERY;
    const { made, failed, reset, gap } = await stream.stop();
    const seen = scene.capture.seen.since(0).filter(({ at }) => at >= from);
    const lives = new Map(vips.map((vip) => [vip, lifeOf(vip, seen, EVERY, from, to)]));
    const figures = [...lives].map(([vip, life]) => {
      const twice = life.doubles === 0 ? '' : `, two answer ${life.doubles} times in ${Math.round(life.doubled)} ms`;
      return `  ${vip}: longest silence ${Math.round(life.gap)} ms${twice}, ${life.holders.slice(0, 4).join(' ')}`;
    });
    const clients = `${made} connections to ${vips[0]}: ${failed} failed, ${reset} reset, longest gap ${Math.round(gap)} ms`;
    process.stdout.write(`${title} (${Math.round(to - from)} ms)\n  ${clients}\n${figures.join('\n')}\n`);
    expect(failed, `${title}: connections that failed`).toBe(0);
    const of = (test: (vip: string) => boolean): ReadonlyMap<string, Life> =>
      new Map([...lives].filter(([vip]) => test(vip)));
    return { ipv4: of((vip) => vip.includes('.')), ipv6: of((vip) => vip.includes(':')) };
  }
  const longestSilence = (lives: ReadonlyMap<string, Life>): number =>
    Math.max(...[...lives.values()].map(({ gap }) => gap));
  const answeredTwice = (lives: ReadonlyMap<string, Life>): readonly string[] =>
    [...lives].filter(([, { doubles }]) => doubles > 0).map(([vip]) => vip);
  const expectStatusesAsEver = (): void => expect(statuses.size, [...statuses].join('\n')).toBe(SERVICES.length);

  it('1 to 4: Clarion has what MetalLB had, no status is written to another address, its speakers look on', async () => {
    const alone = await expectServed('MetalLB alone', 1000, async () => {});
    expect(answeredTwice(alone.ipv4)).toEqual([]);

    await convert();
    expect(await scene.shell('cat clarion.yaml')).toContain('# IPAddressPool metallb-system/public');
    await scene.typed('clarion validate clarion.yaml');
    const plan = await scene.typed('clarion plan --config clarion.yaml');
    expect(plan).toContain(`${SERVICES.length} of`);
    await scene.typed('kubectl get service -A -o wide > before.txt');
    await scene.typed('kubectl -n metallb-system scale deployment controller');
    await until("MetalLB's controller is gone", seconds(10), async () =>
      /0\/0/.test(await scene.typed('kubectl -n metallb-system get deployment controller')),
    );
    const refused = scene.apply(POOL.replace('192.0.2.219', '192.0.2.218'));
    await expect(refused, 'nothing of its objects can be edited from here on').rejects.toThrow(/webhook/);

    const observing = await expectServed('our controller and observers come', 1000, () => install('observe'));
    expect(answeredTwice(observing.ipv4)).toEqual([]);
    expect(answeredTwice(observing.ipv6)).toEqual([]);
    const { items } = await scene.get<{
      items: { spec: { type: string }; status: { conditions?: { type: string; status: string }[] } }[];
    }>('service', '-n', 'default');
    const allocated = items.filter(({ status: { conditions = [] } }) =>
      conditions.some(({ type, status: holds }) => type === 'clarion.dev/Allocated' && holds === 'True'),
    );
    expect(allocated).toHaveLength(SERVICES.length);
    expect(new Set((await status()).members.map(({ node }) => node))).toEqual(new Set(NODES));
    expectStatusesAsEver();
  });

  it('5: ours do not announce beside MetalLB, and take every address when it stops', async () => {
    const beside = await expectServed('ours no longer only look on', 3000, async () => {
      await scene.typed('kubectl -n clarion-system delete daemonset clarion-speaker --cascade=foreground');
      await scene.typed('kubectl apply -k manifests/overlays/beside-metallb');
      await rolledOut();
    });
    for (const [vip, { doubled }] of [...beside.ipv4, ...beside.ipv6]) expect(doubled, vip).toBeLessThan(MEETING);
    const { addresses } = await status();
    expect(new Set(addresses.map(({ holder }) => holder)).size, 'all nodes have some').toBe(NODES.length);
    expect(await scene.shell('clarion status')).toMatch(/address-conflict with 02:00:00:00:00:1\d \(eth0\)/);

    const handOver = await expectServed('MetalLB stops', 2000, stopMetallb);
    expect(longestSilence(handOver.ipv4)).toBeLessThan(4000);
    for (const [vip, { doubled }] of handOver.ipv4) expect(doubled, vip).toBeLessThan(PARTING);
    const after = await expectServed('Clarion alone', 1000, async () => {});
    expect([answeredTwice(after.ipv4), answeredTwice(after.ipv6)]).toEqual([[], []]);
    expectStatusesAsEver();
  });

  it('back: MetalLB has every address again', async () => {
    const back = await expectServed('back to MetalLB', 6000, async () => {
      await scene.typed('kubectl -n clarion-system delete daemonset clarion-speaker --wait=false');
      await scene.typed('kubectl -n metallb-system patch daemonset speaker --type=json -p \'[{"op":"remove"');
      await scene.typed('kubectl apply -k manifests/overlays/observe');
    });
    expect(longestSilence(back.ipv4)).toBeLessThan(8000);
    await rolledOut();
    // Until its speakers have found each other, each of them answers.
    await until('one of MetalLB answers for each', seconds(45), async () => {
      const alone = await expectServed('MetalLB alone again', 500, async () => {});
      return answeredTwice(alone.ipv4).length + answeredTwice(alone.ipv6).length === 0;
    });
    expectStatusesAsEver();
  });

  it("the mistake at three in the morning: nobody looks on first, MetalLB's controller runs, and then its speakers stop", async () => {
    await scene.shell('kubectl delete -k manifests/overlays/observe');
    await scene.kubectl('scale', 'deployment/controller', '--replicas=1', '--namespace=metallb-system');
    await scene.kubectl('rollout', 'status', 'deployment/controller', '--namespace=metallb-system', '--timeout=60s');
    await until(
      'the namespace is gone',
      seconds(30),
      async () => !(await scene.kubectl('get', 'namespaces')).includes('clarion-system'),
    );
    const beside = await expectServed('ours come as announcers at once', 3000, () => install('beside-metallb'));
    for (const [vip, { doubled }] of [...beside.ipv4, ...beside.ipv6]) expect(doubled, vip).toBeLessThan(MEETING);
    expect(await scene.shell('clarion status')).toMatch(/address-conflict/);
    const handOver = await expectServed('MetalLB stops', 2000, stopMetallb);
    expect(longestSilence(handOver.ipv4)).toBeLessThan(4000);
    expectStatusesAsEver();
  });
});
