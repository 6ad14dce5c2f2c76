import { machineTime, seconds } from '../../../../base/clock.ts';
import { CLIENT, NODES, nodeMac, nodeOfMac, REMOTE } from '../../../kubernetes/network.ts';
import type { Router } from '../../../router.ts';
import { stepFailed } from '../../promises.ts';
import { NAMESPACE, ROUTED, SYSTEM, WEB4 } from '../manifests.ts';
import { connected, holderOf, type KubernetesTale, tellConnections, until } from '../world.ts';
import { untilPaths } from './serve.ts';

/** As an upgrade does: one node after the other, and nobody outside notices. */
export async function speakers(tale: KubernetesTale, router: Router | undefined): Promise<void> {
  const { world, progress, promises } = tale;
  progress.scene('The speakers are restarted', 'kubectl rollout restart daemonset/clarion-speaker');
  const before = await holderOf(world, WEB4);
  const restart = async (): Promise<number> => {
    const at = machineTime();
    await world.kubectl(`rollout restart daemonset/clarion-speaker --namespace ${SYSTEM}`);
    await world.kubectl(`rollout status daemonset/clarion-speaker --namespace ${SYSTEM} --timeout=85s`);
    return machineTime() - at;
  };
  const { done, seen } = await connected(world, CLIENT.host, WEB4, async () =>
    router === undefined
      ? { took: await restart() }
      : connected(world, REMOTE.host, ROUTED, restart).then((far) => ({ took: far.done, far: far.seen })),
  );
  progress.line('kubectl', 'rollout status: successfully rolled out, one node at a time', done.took);
  progress.line('wire', `${WEB4} went from ${before} to ${await holderOf(world, WEB4)}`);
  promises.measured('speakersFailed', seen.failed);
  tellConnections(progress, 'client', seen);
  if (router === undefined || !('far' in done)) return;
  promises.measured('speakersRouted', done.far.failed);
  tellConnections(progress, 'remote', done.far);
  await untilPaths(router, 3);
}

/** With policy Local an address follows its endpoints: the next node has it before the last one here has stopped. */
export async function app(tale: KubernetesTale): Promise<void> {
  const { world, progress, promises } = tale;
  progress.scene('The app is rolled out', 'kubectl rollout restart deployment/app');
  const { done, seen } = await connected(world, CLIENT.host, WEB4, async () => {
    const at = machineTime();
    await world.kubectl(`rollout restart deployment/app --namespace ${NAMESPACE}`);
    await world.kubectl(`rollout status deployment/app --namespace ${NAMESPACE} --timeout=80s`);
    await allPods(tale);
    const took = machineTime() - at;
    return { took, ...(await deleteLast(tale)) };
  });
  progress.line('kubectl', 'rollout status: successfully rolled out, and the old Pods have ended', done.took);
  promises.measured('endpointMoved', done.moved);
  progress.line('kubectl', `delete pod ${done.pod}, the only one on ${done.holder}, which holds ${WEB4}`);
  progress.line('wire', `${done.next} announces ${WEB4}`, done.moved);
  promises.measured('appFailed', seen.failed);
  tellConnections(progress, 'client', seen);
}

const allPods = ({ world }: KubernetesTale): Promise<void> =>
  until(seconds(20), async () => {
    const { length } = world.kubelet.pods('app-');
    if (length !== NODES.length) throw stepFailed(`${length} Pods of the app are there instead of ${NODES.length}`);
  });

/** On the node that holds the address. */
async function deleteLast(tale: KubernetesTale) {
  const { wire, kubelet, kubectl } = tale.world;
  const holder = await holderOf(tale.world, WEB4);
  const mark = wire.seen.mark();
  const at = machineTime();
  const names = kubelet.pods('app-', holder).map(({ name }) => name);
  await kubectl(`delete pod ${names.join(' ')} --namespace ${NAMESPACE} --wait=false`);
  const frame = await wire.seen.first(
    `another node than ${holder} announces ${WEB4}`,
    mark,
    seconds(10),
    ({ what, address, mac }) => what === 'announcement' && address === WEB4 && mac !== nodeMac(holder),
  );
  await allPods(tale);
  return { holder, pod: names.join(' '), next: nodeOfMac(frame.mac) ?? frame.mac, moved: frame.at - at };
}
