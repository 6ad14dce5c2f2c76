import { fileURLToPath } from 'node:url';
import { machineTime, seconds } from '../../../../base/clock.ts';
import { environmentError } from '../../../../base/errors.ts';
import { NODES } from '../../../kubernetes/network.ts';
import { conditionOf } from '../../service-news.ts';
import {
  APP,
  LEGACY_ANNOTATIONS,
  LEGACY4,
  METALLB_KINDS,
  METALLB_OBJECTS,
  NAMESPACE,
  SYSTEM,
  service,
} from '../manifests.ts';
import { holderOf, type KubernetesTale, until } from '../world.ts';

const MANIFESTS = fileURLToPath(
  new URL(import.meta.url.endsWith('.js') ? '../manifests' : '../../../../../manifests', import.meta.url),
);

/** A cluster whose addresses MetalLB gave: its objects are there, it is not. */
export async function metallb({ world, progress }: KubernetesTale): Promise<void> {
  const { kubectl, cluster } = world;
  progress.scene('A cluster that MetalLB served', 'its objects are there, its Pods are not');
  await cluster.plane.apply(METALLB_KINDS);
  await kubectl('wait --for=condition=Established crd/ipaddresspools.metallb.io crd/l2advertisements.metallb.io');
  await cluster.plane.apply(METALLB_OBJECTS);
  await cluster.plane.apply(APP);
  await cluster.plane.apply(service({ name: 'legacy', annotations: LEGACY_ANNOTATIONS }));
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: LEGACY4, ipMode: 'VIP' }] } } });
  await kubectl(`patch service legacy --namespace ${NAMESPACE} --subresource=status --type=merge --patch ${status}`);
  await kubectl(`rollout status deployment/app --namespace ${NAMESPACE} --timeout=60s`);
  progress.line(
    'you',
    `Service ${NAMESPACE}/legacy has ${LEGACY4}; a Deployment has a Pod on each of ${NODES.length} nodes`,
  );
}

export async function install({ world, progress, promises }: KubernetesTale): Promise<void> {
  const { kubectl } = world;
  progress.scene('Clarion is installed', 'kubectl apply -k manifests/');
  const at = machineTime();
  await kubectl(`apply --kustomize ${MANIFESTS}`);
  await kubectl(`rollout status deployment/clarion-controller --namespace ${SYSTEM} --timeout=80s`);
  await kubectl(`rollout status daemonset/clarion-speaker --namespace ${SYSTEM} --timeout=80s`);
  const took = machineTime() - at;
  promises.measured('installed', took);
  progress.line('kubectl', 'two controllers and three speakers are ready', took);
  const mayPatch = (account: string): Promise<string> =>
    kubectl(
      `auth can-i patch services --subresource=status --namespace ${NAMESPACE} --as=system:serviceaccount:${SYSTEM}:${account}`,
    ).catch(() => 'no');
  const [controller, speaker] = await Promise.all([mayPatch('clarion-controller'), mayPatch('clarion-speaker')]);
  progress.line(
    'kubectl',
    `auth can-i patch services/status: as the controller ${controller.trim()}, as a speaker ${speaker.trim()}`,
  );
}

/** Nothing is configured yet: a user who has nothing but `kubectl describe` finds out. */
export async function whyNot({ world, progress }: KubernetesTale): Promise<void> {
  progress.scene('A Service asks in vain', 'kubectl describe service alone tells why');
  const mark = world.services.mark();
  await world.cluster.plane.apply(service({ name: 'web', dualStack: true }));
  const news = await world.services.first(
    'web',
    'says why not',
    mark,
    (one) => conditionOf(one, 'Allocated') !== undefined,
  );
  const { reason, message } = conditionOf(news, 'Allocated') ?? {};
  progress.line('controller', `condition clarion.dev/Allocated: ${reason}: ${message}`);
  const line = await until(seconds(10), async () => {
    const text = await world.kubectl(`describe service web --namespace ${NAMESPACE}`);
    const events = text.slice(text.indexOf('\nEvents:')).split('\n');
    const found = events.find((one) => one.includes('clarion'));
    if (found === undefined) throw environmentError(`kubectl describe says nothing of ours:\n${text}`);
    return found.trim().replace(/ {2,}/g, ' ');
  });
  progress.line('kubectl', `describe service web: "${line}"`);
}

export async function migrate({ world, progress, promises }: KubernetesTale): Promise<void> {
  const { kubectl, cluster, services, lab, program } = world;
  progress.scene("MetalLB's objects are migrated", 'clarion migrate makes one ConfigMap of them');
  const objects = await kubectl('get ipaddresspools.metallb.io,l2advertisements.metallb.io --all-namespaces -o yaml');
  const migrated = await lab.run(undefined, [...program, 'migrate', '-'], objects);
  // No MetalLB answers here, so nobody need wait for one that is late (docs/migration.md, step 7).
  const configMap = migrated.replace(/^ {4}layer2:\n(?: {6}.*\n)+/m, '');
  const mark = services.mark();
  await cluster.plane.apply(configMap);
  progress.line(
    'you',
    'kubectl get ipaddresspools,l2advertisements -A -o yaml | clarion migrate - | kubectl apply -f -',
  );
  for (const name of ['legacy', 'web'])
    await kubectl(`wait service/${name} --namespace ${NAMESPACE} --for=condition=clarion.dev/Announced --timeout=30s`);
  progress.line('kubectl', 'wait --for=condition=clarion.dev/Announced: met by shop/legacy and shop/web');
  const changed = services.news
    .since(mark)
    .filter(({ name, ingress }) => name === 'legacy' && ingress.join() !== LEGACY4).length;
  promises.measured('adopted', changed);
  progress.line('wire', `${LEGACY4} is announced by ${await holderOf(world, LEGACY4)}; the address that MetalLB gave`);
}
