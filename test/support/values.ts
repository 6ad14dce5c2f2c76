import { ms } from '../../src/base/clock.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { type IpRange, parseIpRange } from '../../src/base/ip-range.ts';
import type { Pool } from '../../src/config/config.ts';
import { type ServiceRequest, serviceKey } from '../../src/inventory/service-request.ts';

/** Values of the stages with every field filled in, so that a test or bench names only what it is about. */
export function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** "192.0.2.0/24", "192.0.2.1-192.0.2.9", or "192.0.2.1" for one address. */
export function range(text: string): IpRange {
  const parsed = parseIpRange(text.includes('/') || text.includes('-') ? text : `${text}-${text}`);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export const pool = (name: string, addresses: readonly string[], changes: Partial<Pool> = {}): Pool => ({
  name,
  labels: {},
  ranges: addresses.map(range),
  autoAssign: true,
  avoidBuggyIPs: false,
  serviceAllocation: undefined,
  reserved: [],
  reuseAfter: ms(0),
  retired: false,
  ...changes,
});

/** A Service of type LoadBalancer with one TCP port, that has no address yet. */
export const serviceRequest = (
  namespace: string,
  name: string,
  changes: Partial<ServiceRequest> = {},
): ServiceRequest => ({
  key: serviceKey(namespace, name),
  namespace,
  name,
  labels: {},
  createdAt: 0,
  loadBalancer: true,
  loadBalancerClass: undefined,
  headless: false,
  families: ['ipv4'],
  ipFamilyPolicy: 'SingleStack',
  ports: [{ protocol: 'TCP', port: 80 }],
  externalTrafficPolicy: 'Cluster',
  backendKey: '',
  wantedAddresses: [],
  wantedPool: undefined,
  sharingKey: undefined,
  invalid: undefined,
  assigned: [],
  assignedPool: undefined,
  healthCheckNodePort: undefined,
  moveTo: undefined,
  ...changes,
});
