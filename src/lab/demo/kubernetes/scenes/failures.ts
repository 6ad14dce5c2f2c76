import { machineTime, ms, seconds } from '../../../../base/clock.ts';
import { CLIENT, NODES } from '../../../kubernetes/network.ts';
import { pause } from '../../../logged-program.ts';
import { stepFailed } from '../../promises.ts';
import { NAMESPACE, SYSTEM, service, WEB4, WEB6 } from '../manifests.ts';
import { connected, holderOf, type KubernetesTale, tellConnections, until } from '../world.ts';

/** A killed process gives nothing back: the other waits until the Lease has run out (15 s), and has read everything by then. */
export async function controller({ world, progress, promises }: KubernetesTale): Promise<void> {
  progress.scene('The active controller is killed', 'SIGKILL; its Lease has to run out');
  const words = `get lease clarion-controller --namespace ${SYSTEM} --output jsonpath={.spec.holderIdentity}`;
  const active = await world.kubectl(words);
  const pod = world.kubelet.pods('clarion-controller-').find(({ name }) => active.startsWith(name));
  if (pod === undefined) throw stepFailed(`no Pod has the name of the Lease's holder ${active}`);
  const { done, seen } = await connected(world, CLIENT.host, WEB4, async () => {
    const mark = world.services.mark();
    const at = machineTime();
    pod.signal('SIGKILL');
    await world.cluster.plane.apply(service({ name: 'late' }));
    const given = await world.services.first(
      'late',
      'has an address',
      mark,
      ({ ingress }) => ingress.length > 0,
      seconds(60),
    );
    return { took: given.at - at, address: given.ingress[0] };
  });
  promises.measured('controllerTaken', done.took);
  promises.measured('controllerFailed', seen.failed);
  progress.line('kubectl', `holder of the Lease: before ${active}, now ${await world.kubectl(words)}`);
  progress.line('controller', `a Service that was created in between has ${done.address}`, done.took);
  tellConnections(progress, 'client', seen);
}

/** The speakers need no API server to see that a node is gone, nor to agree who takes over. */
export async function blind({ world, progress, promises }: KubernetesTale): Promise<void> {
  const { cluster, kubelet, lab, services } = world;
  const holder = await holderOf(world, WEB4);
  progress.scene('The API server is killed, and then a node', `${holder} loses power`);
  await cluster.plane.apiServer.kill();
  await pause(ms(1000));
  const { seen } = await connected(world, CLIENT.host, WEB4, async () => {
    // At the switch nothing is forwarded any more, and no carrier tells anybody.
    await lab.run('switch', ['bridge', 'link', 'set', 'dev', holder, 'state', 'disabled']);
    await kubelet.powerOff(holder);
    await pause(ms(2000));
  });
  promises.measured('blindGap', seen.gap);
  progress.line('wire', `${WEB4} is announced by ${await holderOf(world, WEB4)} now, and no API server was asked`);
  tellConnections(progress, 'client', seen);
  const mark = services.mark();
  const at = machineTime();
  await cluster.plane.apiServer.start();
  await services.first('web', 'is told again', mark, () => true);
  await until(seconds(30), async () => {
    const ready = `get daemonset clarion-speaker --namespace ${SYSTEM} --output jsonpath={.status.numberReady}`;
    const count = Number(await world.kubectl(ready));
    if (count < NODES.length - 1) throw stepFailed(`${count} speakers are ready`);
  });
  const changed = services.news.since(mark).filter(({ name, ingress }) => {
    return name === 'web' && ingress.join() !== [WEB4, WEB6].join();
  }).length;
  promises.measured('blindMoved', changed);
  progress.line(
    'kubectl',
    `the API server is back: shop/web has ${services.now('web')?.ingress.join(' and ')} still`,
    machineTime() - at,
  );
  await lab.run('switch', ['bridge', 'link', 'set', 'dev', holder, 'state', 'forwarding']);
  kubelet.powerOn(holder);
  await world.kubectl(`wait service/web --namespace ${NAMESPACE} --for=condition=clarion.dev/Announced --timeout=30s`);
  progress.line('you', `${holder} has power again`);
}
