import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../src/base/clock.ts';
import { silentLogger } from '../src/base/logger.ts';
import { systemRandom } from '../src/base/random.ts';
import { keepAliveAgent } from '../src/cluster/kubernetes/agent.ts';
import { KubernetesCluster } from '../src/cluster/kubernetes/kubernetes.ts';
import { passObjects } from '../src/cluster/object-lists.ts';
import { inventoryTaker } from '../src/inventory/take.ts';

/**
 * The process that bench/kubernetes-read.ts measures: reads a cluster as a speaker does and takes its inventory. Arguments: server, file
 * of the certificate, token. Prints one line of JSON when it has read everything, and one for each line of its standard input.
 */
const [, , server = '', ca = '', token = ''] = process.argv;
const agent = keepAliveAgent('https:', { ca: readFileSync(ca) });
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const cpu = process.cpuUsage();
const began = systemClock.now();
const cluster = new KubernetesCluster({
  access: { server, credentials: async () => ({ ok: true, value: { authorization: `Bearer ${token}`, agent } }) },
  namespace: 'clarion-system',
  role: 'speaker',
  instance: 'bench',
  version: 'bench',
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
});
const take = inventoryTaker();
await cluster.synced();
const read = systemClock.now() - began;
take(passObjects(cluster));
const taken = systemClock.now() - began;
cluster.onChange(() => void take(passObjects(cluster)));

function tell(): void {
  const { user, system } = process.cpuUsage(cpu);
  const facts = {
    read,
    taken,
    services: cluster.list('Service').length,
    slices: cluster.list('EndpointSlice').length,
    rss: process.memoryUsage().rss / 1e6,
    heap: process.memoryUsage().heapUsed / 1e6,
    stallP99: delay.percentile(99) / 1e6,
    stallMax: delay.max / 1e6,
    cpu: (user + system) / 1000,
    lists: cluster.apiState().resources.reduce((sum, { lists }) => sum + lists, 0),
    errors: cluster.apiState().resources.reduce((sum, { errors }) => sum + errors, 0),
  };
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}
tell();
delay.reset();
process.stdin.on('data', tell);
process.stdin.on('end', () => void cluster.close());
