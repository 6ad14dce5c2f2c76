import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineTime, ms, seconds } from '../src/base/clock.ts';
import { environmentError } from '../src/base/errors.ts';
import type { Feed } from '../src/lab/feed.ts';
import { inPod, serviceAccountFolder } from '../src/lab/kubernetes/service-account.ts';
import { terminate } from '../src/lab/lab.ts';
import { findMetallb, type MetallbFiles } from '../test/support/metallb/build.mjs';
import {
  type Bench,
  cpuTime,
  inSeconds,
  megabytes,
  memory,
  milliseconds,
  pause,
  percentile,
  runBench,
  times,
  until,
} from './harness.ts';
import {
  endpoints,
  forEach,
  nameOf,
  OURS,
  openScene,
  type Scene,
  SERVICES,
  SLICES,
  service,
  slice,
} from './kubernetes-scene.ts';
import { type Seen, watchStatuses } from './status-watch.ts';
import { type Sighting, watchWire } from './wire-watch.ts';

/**
 * MetalLB and Clarion at the same API server, one after the other: layer 2 alone, one node, one pool, the same Services.
 *
 *     npx tsx bench/kubernetes-metallb.ts [SERVICES] [EVENTS]      1,000 Services, 100 events each
 *
 * MetalLB from its own manifest; what it is spared: webhooks, memberlist (there is one node). What Clarion is spared: the probe for a
 * conflict before the first announcement, which MetalLB does not have.
 */
const [, , countText, eventsText] = process.argv;
const count = Number(countText ?? 1000);
const events = Number(eventsText ?? 100);
/** Of the bench's own writes. */
const AT_ONCE = 32;
const NODE = 'node-a';
const METALLB = 'metallb-system';
const PORT = { controller: 7572, speaker: 7573 } as const;
type Role = keyof typeof PORT;

const OUR_CONFIGURATION = `pools:
- {name: bench, addresses: [10.99.0.0-10.99.127.255]}
layer2:
  conflictProbe: {count: 0}
l2Advertisements:
- {}
`;
const THEIR_CONFIGURATION = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: bench, namespace: ${METALLB}}
spec: {addresses: [10.99.0.0-10.99.127.255]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: bench, namespace: ${METALLB}}
`;

interface Program {
  readonly pid: number;
  /** Of the machine's clock. */
  readonly started: number;
  stop(): Promise<void>;
}

interface Contender {
  readonly name: string;
  start(role: Role): Promise<Program>;
}

interface Watchers {
  /** Statuses with an address, as a watch of the bench's own shows them; each Service once. */
  readonly statuses: Feed<Seen>;
  readonly wire: Feed<Sighting>;
}

async function compare(bench: Bench, scene: Scene): Promise<void> {
  const files = findMetallb();
  if (files === undefined) throw environmentError('MetalLB is not built: node setup.mjs test');
  await scene.configure(OUR_CONFIGURATION);
  const contenders = [await metallb(bench, scene, files), clarion(scene)] as const;
  const watchers: Watchers = { statuses: await watchStatuses(scene.api), wire: await watchWire(bench) };
  const few = new Map(contenders.map(({ name }) => [name, emptySamples()]));
  // In halves, since an API server becomes slower with time.
  for (const half of [1, 2])
    for (const contender of contenders)
      await latency(scene, watchers, contender, { samples: few.get(contender.name)!, words: `few${half}` });
  const many = [];
  for (const contender of contenders) many.push(await crowd(scene, watchers, contender));
  report(bench, [...few.values()], many);
}

function clarion(scene: Scene): Contender {
  return {
    name: 'clarion',
    async start(role) {
      const daemon = await scene.start(role);
      // Where it is not waited for, what is measured begins with the start.
      if (role === 'speaker') await daemon.ready();
      return daemon;
    },
  };
}

/** Its definitions, rights and objects, without what refuses objects; its two programs as their Pods would run them. */
async function metallb({ lab }: Bench, scene: Scene, files: MetallbFiles): Promise<Contender> {
  const { plane } = scene;
  const documents = readFileSync(files.manifest, 'utf8').split(/^---$/m);
  await plane.apply(documents.filter((text) => !/^kind: ValidatingWebhookConfiguration$/m.test(text)).join('---'));
  await plane.apply(THEIR_CONFIGURATION);
  // It asks for its own Pod.
  await scene.request('POST', `/api/v1/namespaces/${METALLB}/pods`, {
    metadata: { name: 'speaker-1' },
    spec: { nodeName: NODE, containers: [{ name: 'speaker', image: 'speaker' }] },
  });
  const folders = {
    controller: await serviceAccountFolder(plane, { namespace: METALLB, name: 'controller' }),
    speaker: await serviceAccountFolder(plane, { namespace: METALLB, name: 'speaker' }),
  };
  const words = {
    controller: [files.controller, '--webhook-mode=disabled'],
    speaker: ['env', `METALLB_NODE_NAME=${NODE}`, 'METALLB_POD_NAME=speaker-1', files.speaker, '--host=127.0.0.1'],
  };
  return {
    name: 'MetalLB',
    async start(role) {
      const pod = { folder: folders[role] };
      const apiServer = { address: '127.0.0.1', port: plane.apiServer.port };
      const command = inPod(pod, apiServer, [...words[role], `--port=${PORT[role]}`, '--log-level=info']);
      const log = join(plane.folder, 'log', `metallb-${role}`);
      const started = machineTime();
      const child = lab.spawn(undefined, ['sh', '-c', `exec "$@" >>'${log}' 2>&1`, 'sh', ...command]);
      const { pid } = child;
      if (pid === undefined) throw environmentError(`MetalLB's ${role} does not start`);
      if (role === 'speaker')
        await until("MetalLB's speaker answers", 30_000, () =>
          fetch(`http://127.0.0.1:${PORT.speaker}/metrics`).then(
            ({ ok }) => ok || undefined,
            () => {
              if (child.exitCode !== null) throw environmentError(readFileSync(log, 'utf8').slice(-2000));
              return undefined;
            },
          ),
        );
      return { pid, started, stop: async () => void (await terminate(child, seconds(10))) };
    },
  };
}

/** Milliseconds from the moment at which the answer to the bench's write was read. */
interface Samples {
  readonly status: number[];
  readonly wire: number[];
  readonly endpoint: number[];
}
const emptySamples = (): Samples => ({ status: [], wire: [], endpoint: [] });

/** MetalLB repeats each announcement for five seconds, and begins no other meanwhile. */
const QUIET = 6000;

/** One Service after the other; later the endpoints of each go and come. All are deleted in the end. */
async function latency(
  scene: Scene,
  { statuses, wire }: Watchers,
  contender: Contender,
  { samples, words }: { readonly samples: Samples; readonly words: string },
): Promise<void> {
  const programs = [await contender.start('controller'), await contender.start('speaker')];
  await pause(4000);
  const nameAt = (i: number): string => `${contender.name.toLowerCase()}-${words}-${i}`;
  const limit = ms(30_000);
  const half = Math.ceil(events / 2);
  // At no fixed phase of anything.
  const rest = (): Promise<void> => pause(60 + Math.random() * 30);
  const announcement = (address: string, mark: number): Promise<Sighting> =>
    wire.first(`${address} is announced`, mark, limit, (one) => one.address === address);
  const addresses: string[] = [];
  for (let i = 0; i < half; i++) {
    const name = nameAt(i);
    await scene.request('POST', SLICES, slice(name, true));
    await rest();
    const [status, frames] = [statuses.mark(), wire.mark()];
    await scene.request('POST', SERVICES(OURS), service(name));
    const created = machineTime();
    const { at, address } = await statuses.first(`${name} has a status`, status, limit, (one) => one.name === name);
    samples.status.push(at - created);
    samples.wire.push((await announcement(address, frames)).ms - created);
    addresses.push(address);
    await rest();
  }
  await pause(QUIET);
  for (const [i, address] of addresses.entries()) {
    const setReady = (ready: boolean): Promise<unknown> =>
      scene.request('PATCH', `${SLICES}/${nameAt(i)}-1`, { endpoints: endpoints(ready) });
    await setReady(false);
    // What is given up is not seen on the wire.
    await pause(200);
    const mark = wire.mark();
    await setReady(true);
    const ready = machineTime();
    samples.endpoint.push((await announcement(address, mark)).ms - ready);
    await rest();
  }
  await Promise.all(programs.map((program) => program.stop()));
  await removeAll(scene, half, nameAt);
}

interface Crowd {
  readonly pending: number;
  readonly served: number;
  readonly announced: number;
  readonly controller: number;
  readonly speaker: number;
  readonly cpu: readonly number[];
}

/** All Services there before the controller starts; then the speaker; then the controller anew. */
async function crowd(scene: Scene, { statuses, wire }: Watchers, contender: Contender): Promise<Crowd> {
  const nameAt = (i: number): string => `${contender.name.toLowerCase()}-${nameOf(i)}`;
  await forEach(0, count, AT_ONCE, async (i) => {
    await scene.request('POST', SLICES, slice(nameAt(i), true));
    await scene.request('POST', SERVICES(OURS), service(nameAt(i)));
  });
  const all = statuses.mark();
  const first = await contender.start('controller');
  const found = await until('all have their status', 300_000, async () => {
    const seen = statuses.since(all);
    return seen.length >= count ? seen : undefined;
  });
  const pending = Math.max(...found.map(({ at }) => at)) - first.started;
  const frames = wire.mark();
  const speaker = await contender.start('speaker');
  const seen = await until('all are announced', 60_000, async () => {
    const at = new Map(
      wire
        .since(frames)
        .map((one) => [one.address, one.ms])
        .toReversed() as [string, number][],
    );
    return at.size >= count ? at : undefined;
  });
  const announced = Math.max(...seen.values()) - speaker.started;
  await pause(10_000);
  const [ofController, ofSpeaker] = [memory(first.pid, 'VmRSS'), memory(speaker.pid, 'VmRSS')];
  const cpu = [first, speaker].map(({ pid }) => cpuTime(pid).control + cpuTime(pid).others);
  const asked = machineTime();
  await first.stop();
  const again = await contender.start('controller');
  const mark = statuses.mark();
  await scene.request('POST', SERVICES(OURS), service(nameAt(count)));
  const last = await statuses.first('a new one is served', mark, seconds(300), ({ name }) => name === nameAt(count));
  await Promise.all([again.stop(), speaker.stop()]);
  await removeAll(scene, count, nameAt);
  await scene.request('DELETE', `${SERVICES(OURS)}/${nameAt(count)}`);
  return { pending, served: last.at - asked, announced, controller: ofController, speaker: ofSpeaker, cpu };
}

const removeAll = (scene: Scene, to: number, nameAt: (i: number) => string): Promise<void> =>
  forEach(0, to, AT_ONCE, async (i) => {
    await scene.request('DELETE', `${SERVICES(OURS)}/${nameAt(i)}`);
    await scene.request('DELETE', `${SLICES}/${nameAt(i)}-1`);
  });

function report(bench: Bench, few: readonly Samples[], many: readonly Crowd[]): void {
  const rows: string[][] = [['', 'MetalLB', 'Clarion']];
  const row = (what: string, figures: readonly number[], show: (value: number) => string): void => {
    const [theirs = Number.NaN, ours = Number.NaN] = figures;
    rows.push([what, show(theirs), show(ours)]);
    bench.judge(`${what}: of MetalLB's`, ours / theirs, 1, times);
  };
  for (const [what, field] of [
    ['new Service -> status', 'status'],
    ['new Service -> gratuitous ARP', 'wire'],
    ['endpoint ready -> gratuitous ARP', 'endpoint'],
  ] as const)
    for (const [words, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const)
      row(
        `${what}: ${words}`,
        few.map((samples) => percentile(samples[field], share)),
        milliseconds,
      );
  const of = (field: Exclude<keyof Crowd, 'cpu'>): number[] => many.map((one) => one[field] / 1000);
  row(`controller, start -> ${count} pending have their status`, of('pending'), inSeconds);
  row('controller, SIGTERM -> started, and a new Service has its status', of('served'), inSeconds);
  row(`speaker, start -> ${count} announced`, of('announced'), inSeconds);
  for (const role of ['controller', 'speaker'] as const)
    row(
      `memory of the ${role}`,
      many.map((one) => one[role]),
      megabytes,
    );
  for (const [i, role] of ['controller', 'speaker'].entries())
    row(
      `processor time of the ${role} until then`,
      many.map(({ cpu }) => cpu[i]! / 1000),
      inSeconds,
    );
  bench.table(rows);
}

await runBench(
  import.meta.url,
  `MetalLB and Clarion at one API server: ${count} Services, ${events} events`,
  async (bench) => {
    const scene = await openScene(bench);
    try {
      await compare(bench, scene);
    } finally {
      await scene.stop();
    }
  },
  seconds(600),
);
