/**
 * Why an address is not given or not announced: a closed set, used by tests, metrics, conditions, `plan` and `explain`.
 * A reason of scope `service` concerns the whole Service or address, one of scope `node` a single node.
 */
interface ReasonEntry {
  readonly scope: 'service' | 'node';
  readonly meaning: string;
  readonly nextStep: string;
}

export const reasons = {
  'not-load-balancer': {
    scope: 'service',
    meaning: 'the Service is not (or no longer) of type LoadBalancer',
    nextStep: 'Nothing to do; its address is released.',
  },
  'other-class': {
    scope: 'service',
    meaning: 'spec.loadBalancerClass names another implementation',
    nextStep: 'Start Clarion with --load-balancer-class, or create the Service anew with our class.',
  },
  'no-cluster-ip': {
    scope: 'service',
    meaning: 'the Service is headless (clusterIP: None), so nothing would forward traffic for its address',
    nextStep: 'Create the Service anew without clusterIP: None.',
  },
  'no-pool': {
    scope: 'service',
    meaning: 'no pool that may be used gives addresses of the family that the Service needs',
    nextStep: 'Add a pool of that family, set autoAssign, or name a pool in the annotation address-pool.',
  },
  'pool-exhausted': {
    scope: 'service',
    meaning: 'every pool that may be used is full',
    nextStep: 'Enlarge a pool, or delete Services that no longer need an address; it is then assigned at once.',
  },
  'address-in-use': {
    scope: 'service',
    meaning: 'the address asked for belongs to another Service or to a reservation',
    nextStep: 'Ask for another address, or give both Services the same allow-shared-ip key and different ports.',
  },
  'address-outside-pools': {
    scope: 'service',
    meaning: 'no pool contains the address',
    nextStep:
      'Put the address into a pool, or ask for another one. An address that is in use already is kept meanwhile.',
  },
  'pool-not-allowed': {
    scope: 'service',
    meaning: 'the pool does not serve this Service (serviceAllocation), or does not exist',
    nextStep: 'Correct the name in the annotation address-pool, or the namespaces and selectors of the pool.',
  },
  'family-mismatch': {
    scope: 'service',
    meaning: 'the addresses asked for are not of the families that the Service has',
    nextStep: 'Ask for one address of each family in spec.ipFamilies.',
  },
  'sharing-refused': {
    scope: 'service',
    meaning: 'the address cannot be shared: keys, ports or backends do not fit',
    nextStep:
      'Use the same allow-shared-ip key, different ports, and the same selector under externalTrafficPolicy Local.',
  },
  'invalid-annotation': {
    scope: 'service',
    meaning: 'an annotation or field of the Service cannot be read',
    nextStep: 'Correct the value named in the message. An address that is in use already is kept meanwhile.',
  },
  'no-endpoints': {
    scope: 'service',
    meaning: 'no endpoint of the Service serves',
    nextStep: 'Look at the Pods behind the Service: kubectl get endpointslices -l kubernetes.io/service-name=NAME.',
  },
  'no-advertisement': {
    scope: 'service',
    meaning: 'no advertisement selects the pool and the Service',
    nextStep: 'Add the pool to an l2Advertisement or bgpAdvertisement, or widen its serviceSelectors.',
  },
  'address-conflict': {
    scope: 'service',
    meaning: 'another machine answers for the address',
    nextStep: 'Find the machine with the MAC address in the message, or reserve the address in the pool.',
  },
  'no-local-endpoints': {
    scope: 'node',
    meaning: 'externalTrafficPolicy is Local and no serving endpoint of the Service runs on this node',
    nextStep: 'Nothing to do if another node announces it; else look at where the Pods run.',
  },
  'node-network-unavailable': {
    scope: 'node',
    meaning: 'the Node has the condition NetworkUnavailable',
    nextStep: 'Look at the network plugin on that node.',
  },
  'node-excluded': {
    scope: 'node',
    meaning: 'the Node has the label node.kubernetes.io/exclude-from-external-load-balancers',
    nextStep: 'Remove the label, or start the speakers with --ignore-exclude-lb.',
  },
  'node-draining': {
    scope: 'node',
    meaning: 'the Node is being drained (clarion.dev/drain)',
    nextStep: 'clarion undrain NODE when its maintenance is over.',
  },
  'node-leaving': {
    scope: 'node',
    meaning: 'the Node is about to be deleted or shut down, and another one can serve',
    nextStep: 'Nothing to do.',
  },
  'node-not-selected': {
    scope: 'node',
    meaning: 'the nodeSelectors of every advertisement of this address leave this node out',
    nextStep: 'Widen the nodeSelectors, or label the node.',
  },
  'no-interface': {
    scope: 'node',
    meaning: 'no interface of this node may speak for the address',
    nextStep: 'Name an interface that the node has in the advertisement, or give the node an address in that subnet.',
  },
  'no-peer': {
    scope: 'node',
    meaning: 'no BGP peer is selected for this node and advertisement',
    nextStep: 'Look at the nodeSelectors of the peers and at the peers of the advertisement.',
  },
  'no-session': {
    scope: 'node',
    meaning: 'no router that this node is to tell of the address has a BGP session with it',
    nextStep: '`clarion status` shows each session with its last error.',
  },
  'not-a-member': {
    scope: 'node',
    meaning: 'the speaker of this node is not heard by the others',
    nextStep: 'Look at the speaker on that node and at UDP between the nodes.',
  },
  'not-elected': {
    scope: 'node',
    meaning: 'another node holds the address',
    nextStep: 'Nothing to do: one node answers for a layer 2 address at a time.',
  },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof reasons;
type OfScope<S> = { [R in Reason]: (typeof reasons)[R]['scope'] extends S ? R : never }[Reason];
export type ServiceReason = OfScope<'service'>;
export type NodeReason = OfScope<'node'>;

/** `pool-exhausted` -> `PoolExhausted`: what Kubernetes accepts as the reason of a condition or event. */
export const conditionReason = (reason: Reason): string =>
  reason.replace(/(^|-)(.)/g, (_, _hyphen, letter: string) => letter.toUpperCase());

/** The way back; undefined for what says that all is well, or that we did not write. */
export const reasonOfCondition = (text: string): Reason | undefined => BY_CONDITION.get(text);
const BY_CONDITION = new Map((Object.keys(reasons) as Reason[]).map((reason) => [conditionReason(reason), reason]));
