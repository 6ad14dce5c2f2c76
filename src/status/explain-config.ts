import { poolFinder, selectionFinder } from '../announcement/selection.ts';
import type { Problem } from '../base/problem.ts';
import type { Config } from '../config/config.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';

/** Names of the elements of the configuration that have a Service announced, whatever the node. */
export interface Advertised {
  readonly layer2: readonly string[];
  readonly bgp: readonly string[];
  readonly peers: readonly string[];
}

export function advertisedBy(config: Config | undefined, service: ServiceRequest): Advertised {
  if (config === undefined) return { layer2: [], bgp: [], peers: [] };
  const [address] = service.assigned;
  const pool = (address && poolFinder(config.pools)(address)?.name) ?? service.assignedPool;
  const { l2, bgp } = selectionFinder(config)(pool, service.labels);
  const all = bgp.some(({ peers }) => peers.length === 0);
  const peers = config.peers.map(({ name }) => name);
  return {
    layer2: l2.map(({ name }) => name),
    bgp: bgp.map(({ name }) => name),
    peers: bgp.length === 0 ? [] : peers.filter((name) => all || bgp.some((one) => one.peers.includes(name))),
  };
}

/** Problems name elements in quotes; a file that cannot be read as a whole concerns everybody. */
export function concerns({ code, object, message }: Problem, service: string, names: readonly string[]): boolean {
  if (object !== undefined) return object === `Service ${service}`;
  if (WHOLE.has(code) || message.includes(service)) return true;
  return names.some((name) => message.includes(`"${name}"`));
}

const WHOLE: ReadonlySet<string> = new Set([
  'no-configuration',
  'not-yaml',
  'not-a-mapping',
  'too-complex',
  'unreadable-file',
]);
