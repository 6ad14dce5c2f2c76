import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machineTime, ms, seconds } from '../../src/base/clock.ts';
import { startConnections } from '../../src/lab/connections.ts';
import { NODES, type NodeName, nodeAddress, REMOTE, ROUTER } from '../../src/lab/kubernetes/network.ts';
import { type Router, routerInstalled } from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import type { ClusterStatus } from '../../src/status/cluster-status.ts';
import { until } from '../support/until.ts';
import { wait } from './controllers.ts';
import { asWritten, type MetallbScene, metallb, metallbScene, metallbSkipNote } from './metallb-scene.ts';
import { webDeployment, webService } from './workloads.ts';

/** Step 6 of docs/migration.md with MetalLB itself, native BGP mode, and BIRD: node by node, each command as it is written there. */
const CONFIGURATION = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: routed, namespace: metallb-system}
spec: {addresses: [203.0.113.0/28]}
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: routed, namespace: metallb-system}
spec: {ipAddressPools: [routed]}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor, namespace: metallb-system}
spec: {myASN: 64512, peerASN: 64500, peerAddress: ${ROUTER.address}}
`;
const VIP = '203.0.113.0';
const SERVICES = ['web0', 'web1', 'web2'];
const note = routerInstalled('bird') ? metallbSkipNote : ' (skipped for want of the program: apt-get install bird2)';

describe.skipIf(!metallb.available || !routerInstalled('bird'))(
  `BGP from MetalLB itself to Clarion${note}`,
  {
    timeout: 180_000,
  },
  () => {
    let scene: MetallbScene;
    let router: Router;
    beforeAll(async () => {
      scene = await metallbScene('mlbgp');
      router = await startRouter('bird', scene.cluster.lab, ROUTER.host, {
        asn: 64500,
        routerId: ROUTER.address,
        forward: true,
        neighbours: NODES.map((node) => ({ address: nodeAddress(node), asn: 64512, passive: true })),
      });
      const selector = { selector: { app: 'web' } };
      await scene.apply(CONFIGURATION, webDeployment('web', 3), ...SERVICES.map((name) => webService(name, selector)));
      await scene.kubectl('rollout', 'status', 'deployment/web', '--timeout=30s');
      await untilAllAreTold();
    }, 120_000);
    afterAll(async () => {
      await router?.stop();
      await scene?.stop();
    });

    /** Prefixes that the router has from each node. */
    const hops = new Map<NodeName, number>();
    const look = async (): Promise<void> => {
      const routes = await router.routes('ipv4');
      for (const node of NODES)
        hops.set(node, routes.filter(({ nextHops }) => nextHops.includes(nodeAddress(node))).length);
    };
    const untilAllAreTold = (): Promise<void> =>
      until('the router has all prefixes from all nodes', seconds(30), async () => {
        await look();
        return NODES.every((node) => hops.get(node) === SERVICES.length);
      });
    /** Who has the sessions of ours. */
    const ours = async (): Promise<readonly string[]> => {
      const { sessions } = JSON.parse(await scene.shell('clarion status -o json')) as ClusterStatus;
      return sessions.filter(({ state }) => state === 'established').map(({ node }) => node);
    };
    const rolledOut = (what: string, namespace: string): Promise<string> =>
      scene.kubectl('rollout', 'status', what, `--namespace=${namespace}`, '--timeout=60s');

    /**
     * While something is done, until all is announced again: no connection of a client behind the router may fail, and at no time
     * may more than one node be missing at the router. Prints for how long which one was.
     */
    async function expectServed(title: string, work: () => Promise<unknown>): Promise<void> {
      const stream = await startConnections(scene.cluster.lab, REMOTE.host, `http://${VIP}/`, ms(10));
      const missing = new Map<NodeName, { readonly from: number; readonly to: number }>();
      let [looking, most] = [true, 0];
      const watching = (async () => {
        while (looking) {
          await look();
          const now = machineTime();
          const without = NODES.filter((node) => hops.get(node) === 0);
          for (const node of without) missing.set(node, { from: missing.get(node)?.from ?? now, to: now });
          most = Math.max(most, without.length);
          await wait(50);
        }
      })();
      try {
        await work();
        await untilAllAreTold();
      } finally {
        looking = false;
        await watching;
      }
      const { made, failed, reset, gap } = await stream.stop();
      const away =
        [...missing].map(([node, { from, to }]) => `${node} ${Math.round(to - from)} ms`).join(', ') || 'none';
      process.stdout.write(
        `${title}: ${made} connections, ${failed} failed, ${reset} reset, longest gap ${Math.round(gap)} ms; missing at the router: ${away}\n`,
      );
      expect(failed, `${title}: connections that failed`).toBe(0);
      expect(most, `${title}: nodes missing at once`).toBeLessThanOrEqual(1);
    }

    it('ours come beside MetalLB, without a session', async () => {
      await expectServed('MetalLB alone', () => wait(1000));
      await scene.typed('kubectl get -A -o yaml ipaddresspools');
      const converted = readFileSync(scene.file('clarion.yaml'), 'utf8');
      const added = ['nodeSelectors: [{matchLabels', 'connectTime: 1s'].map(asWritten);
      const indented = added.map((line) => `\n        ${line}`).join('');
      writeFileSync(scene.file('selected.yaml'), converted.replace(/^ {6}- name: tor$/m, `$&${indented}`));
      await scene.shell('mv clarion.yaml last.yaml && mv selected.yaml clarion.yaml && clarion validate clarion.yaml');
      await scene.typed('kubectl -n metallb-system scale deployment controller');
      await expectServed('our controller and speakers come', async () => {
        for (const step of ['f manifests/base/namespace.yaml', 'f clarion.yaml', 'k manifests/overlays/beside-metallb'])
          await scene.typed(`kubectl apply -${step}`);
        await rolledOut('daemonset/clarion-speaker', 'clarion-system');
      });
      expect(await ours()).toEqual([]);
    });

    it('6: node by node', async () => {
      await expectServed('an affinity for MetalLB', async () => {
        await scene.typed(`kubectl -n metallb-system patch daemonset speaker --type=json -p '[{"op":"add"`);
        await rolledOut('daemonset/speaker', 'metallb-system');
      });
      for (const [i, node] of NODES.entries()) {
        await expectServed(`${node} becomes ours`, async () => {
          await scene.typed('kubectl label node NODE announcer=clarion', node);
          await until(`${node} has its session`, seconds(30), async () => (await ours()).includes(node));
        });
        expect(await ours()).toHaveLength(i + 1);
      }
    });

    it('back, and there again', async () => {
      await expectServed('node-b goes back to MetalLB', async () => {
        await scene.typed('kubectl label node NODE announcer-', 'node-b');
        await until('our session of node-b ends', seconds(20), async () => !(await ours()).includes('node-b'));
      });
      expect(await ours()).toHaveLength(2);
      await expectServed('node-b becomes ours', async () => {
        await scene.typed('kubectl label node NODE announcer=clarion', 'node-b');
        await until('node-b has its session', seconds(30), async () => (await ours()).includes('node-b'));
      });
    });

    it('without the selectors: nothing restarts', async () => {
      const since = async (): Promise<readonly string[]> =>
        (await router.ask('show', 'protocols'))
          .split('\n')
          .slice(1)
          .filter((line) => line.includes('BGP'));
      const before = await since();
      await scene.shell('kubectl apply -f last.yaml');
      await expectServed('the selectors are taken out', () => wait(3000));
      expect(await since()).toEqual(before);
      const text = await scene.kubectl('get', 'service', '-n', 'default', '-o', 'jsonpath={..ingress[*].ip}');
      expect(text.split(' ').toSorted()).toEqual(['203.0.113.0', '203.0.113.1', '203.0.113.2']);
    });

    it('7: nothing of MetalLB is left', async () => {
      await expectServed('MetalLB is cleaned up', async () => {
        await scene.typed('kubectl delete namespace metallb-system');
        await scene.typed('kubectl apply -k manifests/base');
        await rolledOut('daemonset/clarion-speaker', 'clarion-system');
      });
      await scene.typed('kubectl get crd -o name');
      await scene.typed('kubectl delete validatingwebhookconfiguration');
      expect(await scene.kubectl('get', 'crd,validatingwebhookconfigurations,namespaces')).not.toMatch(/metallb/);
      expect((await ours()).toSorted()).toEqual([...NODES]);
    });
  },
);
