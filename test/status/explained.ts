import { judgeAnnouncements } from '../../src/announcement/judge.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { ClusterObject, ObjectKind, ObjectLists } from '../../src/cluster/ports.ts';
import { type EffectiveConfig, mergeEffective } from '../../src/config/effective.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { serviceKey } from '../../src/inventory/service-request.ts';
import { inventoryIn } from '../../src/inventory/take.ts';
import type { Answer } from '../../src/status/cluster-status.ts';
import { type Explanation, explain } from '../../src/status/explain.ts';
import type { SpeakerView } from '../../src/status/report.ts';
import { node, service } from '../support/manifests.ts';
import { answer, held, NODES, reportOf } from './scene.ts';

/** shop/web with 203.0.113.10 on three nodes, one endpoint on each, announced by layer 2 from node-a: unless told otherwise. */
export interface Told {
  readonly config?: string;
  readonly objects?: readonly Manifest[];
  /** What the speaker of a node says; `undefined`: it does not answer. */
  readonly speaker?: (node: string) => Partial<SpeakerView> | undefined;
  readonly controller?: boolean;
}
type Manifest = { readonly kind: string; readonly metadata: object };

export const ADDRESS = '203.0.113.10';
export const POOLS = 'pools:\n- {name: public, addresses: [203.0.113.0/24]}\n';

export const web = (more: { readonly spec?: object; readonly status?: object } = {}) => ({
  ...service('web', {
    annotations: { 'clarion.dev/ip-allocated-from-pool': 'public' },
    spec: { ...more.spec },
  }),
  status: more.status ?? { loadBalancer: { ingress: [{ ip: ADDRESS }] } },
});

export const nodeCalled = (name: string, more: object = {}) => {
  const base = node('a');
  return { ...base, metadata: { name }, ...more };
};

export const slice = (...nodes: readonly (string | undefined)[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  endpoints: nodes.map((nodeName, i) => ({ addresses: [`10.244.0.${i + 2}`], nodeName, conditions: { ready: true } })),
  ports: [{ port: 8080, protocol: 'TCP' }],
});

const same = (a: Manifest, b: Manifest): boolean =>
  a.kind === b.kind && (a.metadata as { name: string }).name === (b.metadata as { name: string }).name;

function listsOf(manifests: readonly Manifest[]): ObjectLists {
  const of = (kind: ObjectKind): readonly ClusterObject[] =>
    manifests
      .filter((one) => one.kind === kind)
      .map((body) => {
        const { name, namespace = '' } = body.metadata as { name: string; namespace?: string };
        return {
          kind,
          namespace,
          name,
          body: body as never,
          origin: { file: `${name}.yaml`, line: 1, text: undefined },
        };
      });
  return {
    Service: of('Service'),
    EndpointSlice: of('EndpointSlice'),
    Node: of('Node'),
    Namespace: [],
    Secret: [],
    ConfigMap: [],
  };
}

export function explained({
  config = POOLS,
  objects = [],
  speaker = () => ({}),
  controller = true,
}: Told): Explanation {
  const usual: readonly Manifest[] = [web(), slice(...NODES), ...NODES.map((name) => nodeCalled(name))];
  const manifests = [...usual.filter((one) => !objects.some((other) => same(one, other))), ...objects];
  const lists = listsOf(manifests);
  const inventory = inventoryIn(lists, 'node-a');
  const effective: EffectiveConfig = mergeEffective(
    undefined,
    judgeConfig({ file: 'clarion.yaml', text: config }),
    new Set(),
  );
  const { services, endpoints, nodes } = inventory;
  const verdicts = judgeAnnouncements({
    config: effective.config,
    services,
    endpoints,
    nodes,
    ignoreExcludeLb: false,
    loadBalancerClass: undefined,
  });
  const answers = NODES.map((name): Answer => {
    const view = speaker(name);
    if (view === undefined) return { name, ok: false, error: 'not running' };
    const wire = verdicts.map((verdict) => held(formatIpAddress(verdict.address), 'node-a', 1, name === 'node-a'));
    const active = { effective, usage: [], decisions: [], problems: effective.problems, pendingWrites: 0 };
    return answer(
      reportOf({
        node: name,
        speaker: { nodes, verdicts, wire, members: [], ...view },
        ...(controller && name === 'node-a' ? { controller: active } : {}),
      }),
    );
  });
  const key = serviceKey('shop', 'web');
  return JSON.parse(
    JSON.stringify(
      explain({
        service: services.get(key)!,
        object: lists.Service.find(({ name }) => name === 'web')!,
        inventory,
        effective,
        answers,
        events: [],
      }),
    ),
  ) as Explanation;
}
