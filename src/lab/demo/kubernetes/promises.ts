import type { PromiseTable } from '../promises.ts';

/** What is promised in a cluster, decided before anything is measured. Times include a start of kubectl, 0.1 s. */
export const KUBERNETES_PROMISES = {
  installed: { name: 'kubectl apply -k, all Pods ready', promised: 40_000, unit: 'ms' },
  adopted: { name: "MetalLB's Service, addresses changed", promised: 0, unit: 'count' },
  assigned: { name: 'Service applied, address in its status', promised: 500, unit: 'ms' },
  announced: { name: 'Service applied, gratuitous ARP', promised: 1000, unit: 'ms' },
  clientSeen: { name: "Local: answers with another address than the client's", promised: 0, unit: 'count' },
  routerKnows: { name: 'Service applied, three paths at the router', promised: 5000, unit: 'ms' },
  routedSeen: { name: "by the router: answers with another address than the client's", promised: 0, unit: 'count' },
  speakersFailed: { name: 'rollout of the speakers, connections failed', promised: 0, unit: 'count' },
  speakersRouted: { name: 'the same by the router, connections failed', promised: 0, unit: 'count' },
  appFailed: {
    name: 'rollout of the app and its last local Pod deleted, connections failed',
    promised: 0,
    unit: 'count',
  },
  endpointMoved: { name: 'last local Pod deleted, another node announces', promised: 1000, unit: 'ms' },
  controllerTaken: { name: 'active controller killed, next Service has an address', promised: 20_000, unit: 'ms' },
  controllerFailed: { name: 'active controller killed, connections failed', promised: 0, unit: 'count' },
  blindGap: { name: 'API server down, node loses power: longest gap', promised: 500, unit: 'ms' },
  blindMoved: { name: 'API server is back, addresses changed', promised: 0, unit: 'count' },
} as const satisfies PromiseTable;

export type KubernetesPromiseKey = keyof typeof KUBERNETES_PROMISES;
