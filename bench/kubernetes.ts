import { machineTime, ms, seconds } from '../src/base/clock.ts';
import { ClarionError, ExitCode, usageError } from '../src/base/errors.ts';
import { Feed } from '../src/lab/feed.ts';
import { ended } from '../src/lab/lab.ts';
import {
  type Bench,
  cpuTime,
  inSeconds,
  median,
  megabytes,
  memory,
  milliseconds,
  pause,
  percent,
  percentile,
  runBench,
  times,
  until,
} from './harness.ts';
import {
  type Audited,
  BARE,
  BARE_LOOP,
  type Daemon,
  endpoints,
  forEach,
  nameOf,
  OURS,
  openScene,
  ROUTER,
  type Scene,
  SERVICES,
  SLICES,
  service,
  slice,
} from './kubernetes-scene.ts';
import type { RouterNews } from './raw-router.ts';
import { bgpConfig, startRawRouter } from './routers.ts';
import { addressOf, type Seen, type ServiceObject, watchStatuses } from './status-watch.ts';
import { type Sighting, watchWire } from './wire-watch.ts';

/**
 * `clarion controller` and `clarion speaker` at a real API server, beside a bare loop at the same one.
 *
 *     npx tsx bench/kubernetes.ts pending [SERVICES]          all are there when the controller starts (10,000)
 *     npx tsx bench/kubernetes.ts latency [EVENTS]            one Service after the other, few there (200)
 *     npx tsx bench/kubernetes.ts large [SERVICES] [PART]...  with 10,000 there: size, churn, idle, restart (all)
 */
const [, , part = '', countText, ...parts] = process.argv;
/** Of Services, but of events where it is for `latency`. */
const count = Number(countText ?? (part === 'latency' ? 200 : 10_000));
/** Of the bench's own writes. */
const AT_ONCE = 32;
const CHANGES_PER_SECOND = 50;

const configuration = (probes: number, peers: Readonly<Record<string, string>> = { tor: ROUTER }): string =>
  `pools:
- name: bench
  addresses: [10.99.0.0-10.99.127.255]
layer2:
  gratuitous: {rounds: 1, refresh: 0s}
  conflictProbe: {count: ${probes}}
l2Advertisements:
- {}
${bgpConfig(peers).replaceAll(/^ {4}/gm, '')}`;

/** An address that nobody has: what is sent there is lost. */
const DEAD = { tor: ROUTER, dead: '10.99.255.200' };

/** In the middle of two halves of the same by the bare loop, since an API server becomes slower as it fills. */
async function pending(bench: Bench, scene: Scene): Promise<void> {
  await scene.configure(configuration(0));
  const began = machineTime();
  await forEach(0, count, AT_ONCE, async (i) => {
    await scene.request('POST', SERVICES(BARE), service(nameOf(i), true));
    await scene.request('POST', SERVICES(OURS), service(nameOf(i)));
  });
  const made = machineTime() - began;
  scene.audited();
  const bare = await bareLoopOverAll(bench, scene);
  const start = Date.now();
  const controller = await scene.start('controller');
  const found: Audited[] = [];
  const written = await until(
    'every Service has its status',
    120_000,
    async () => {
      found.push(...scene.audited());
      const done = found.filter((one) => isStatusWrite(one) && succeeded(one));
      return done.length >= count ? done : undefined;
    },
    100,
  );
  const took = lastOf(written) - start;
  const first = Math.min(...written.map(timeOf)) - start;
  await pause(3000);
  found.push(...scene.audited());
  const tries = found.filter(isStatusWrite);
  const lag = (await controller.metrics())('clarion_nodejs_eventloop_lag_p99_seconds') * 1000;
  const again = await bareLoopOverAll(bench, scene);
  const both = (bare + again) / 2;
  bench.judge('all have their status: of the bare loop', took / both, 1.3, times, [took / bare, took / again]);
  bench.demand('status writes, one for each Service', `${tries.length}`, `${count}`, tries.length === count);
  const body = (await scene.request('GET', SERVICES(OURS))) as { readonly items: readonly ServiceObject[] };
  const addresses = new Set(body.items.map(addressOf));
  bench.demand('different addresses', `${addresses.size}`, `${count}`, addresses.size === count && !addresses.has(''));
  bench.judge('event loop lag of the controller meanwhile, p99', lag, 50, milliseconds);
  bench.table([
    ['for orientation', ''],
    ['Clarion, from the start of the process to the last status', inSeconds(took / 1000)],
    ['the same to its first status', inSeconds(first / 1000)],
    ['bare loop before, and after', `${inSeconds(bare / 1000)}, ${inSeconds(again / 1000)}`],
    ['processor time of the controller', inSeconds(cpuOf(controller) / 1000)],
    ['most memory of the controller', megabytes(memory(controller.pid, 'VmHWM'))],
    [`Events written meanwhile`, `${found.filter((one) => one.objectRef?.resource === 'events').length}`],
    [`${2 * count} Services made in`, inSeconds(made / 1000)],
    ['errors of status writes', `${tries.filter((one) => !succeeded(one)).length}`],
  ]);
}

/** Milliseconds from the start of its process to the last answer. */
async function bareLoopOverAll(bench: Bench, scene: Scene): Promise<number> {
  scene.audited();
  const start = Date.now();
  const { url } = scene.plane.apiServer;
  const program = [process.execPath, BARE_LOOP, 'all', url, scene.plane.caFile, scene.token, BARE];
  const outcome = await ended(bench.lab.spawn(undefined, program));
  const written = scene.audited().filter((one) => isStatusWrite(one) && succeeded(one));
  if (outcome !== 0 || written.length !== count)
    throw new ClarionError(ExitCode.problems, `the bare loop ended with ${outcome} after ${written.length} writes`);
  return lastOf(written) - start;
}

async function latency(bench: Bench, scene: Scene): Promise<void> {
  const watchers = await startWatching(bench, scene);
  await scene.configure(configuration(0));
  const [controller, speaker] = await startBoth(scene);
  const off = await series(scene, watchers, { from: 0, events: count });
  await scene.configure(configuration(2));
  await pause(1500);
  const on = await series(scene, watchers, { from: count, events: count / 5 });
  await scene.configure(configuration(0, DEAD));
  await pause(6000);
  const dead = await series(scene, watchers, { from: 2 * count, events: count / 2 });
  judgeCreation(bench, off, '', 1);
  judgeEndpoints(bench, off, '', 1);
  bench.judge('the same, probe on (60 ms more): p50', percentile(on.wire, 0.5), 67, milliseconds, tenths(on.wire, 0.5));
  bench.judge('the same, p99', percentile(on.wire, 0.99), 85, milliseconds);
  judgeEndpoints(bench, dead, ', beside a dead peer', 1);
  bench.table([
    DISTRIBUTION,
    ...distributions(off, 'probe off'),
    ...distributions(on, 'probe on'),
    ...distributions(dead, 'dead peer'),
  ]);
  await Promise.all([controller.stop(), speaker.stop()]);
}

async function large(bench: Bench, scene: Scene): Promise<void> {
  const wanted = new Set(parts.length === 0 ? ['size', 'churn', 'idle', 'restart'] : parts);
  const watchers = await startWatching(bench, scene);
  await scene.configure(configuration(0));
  const began = machineTime();
  await forEach(0, count, AT_ONCE, async (i) => {
    await scene.request('POST', SLICES, slice(nameOf(i), true));
    await scene.request('POST', SERVICES(OURS), service(nameOf(i)));
  });
  const made = machineTime() - began;
  let [controller, speaker] = await startBoth(scene);
  const settled = async (): Promise<void> => {
    await until('nothing changes any more', 400_000, () => quiet(scene), 100);
  };
  await settled();
  bench.table([
    [`${count} Services made in ${inSeconds(made / 1000)}, settled ${inSeconds((machineTime() - began) / 1000)}`],
  ]);
  await pause(1000);
  if (wanted.has('size')) await size(bench, scene, controller, speaker, settled);
  if (wanted.has('churn')) await churn(bench, scene, watchers, controller, speaker);
  if (wanted.has('idle')) await idle(bench, scene, settled);
  if (wanted.has('restart')) [controller, speaker] = await restart(bench, scene, watchers, controller, speaker);
  await Promise.all([controller.stop(), speaker.stop()]);
}

/** No write of ours for a second. */
async function quiet(scene: Scene): Promise<true | undefined> {
  scene.audited();
  await pause(1000);
  const writes = scene.audited().filter((one) => isWrite(one) && one.objectRef?.resource !== 'events' && !isLease(one));
  return writes.length === 0 ? true : undefined;
}

async function size(
  bench: Bench,
  scene: Scene,
  controller: Daemon,
  speaker: Daemon,
  settled: () => Promise<void>,
): Promise<void> {
  const added = 500;
  await Promise.all([controller.metrics(), speaker.metrics()]);
  const before = [cpuOf(controller), cpuOf(speaker)];
  const names = Array.from({ length: added }, (_, i) => `added-${nameOf(i)}`);
  await forEach(0, added, 4, async (i) => {
    await scene.request('POST', SLICES, slice(names[i]!, true));
    await scene.request('POST', SERVICES(OURS), service(names[i]!));
    await pause(5);
  });
  await settled();
  const [ofController = 0, ofSpeaker = 0] = [controller, speaker].map((one, i) => (cpuOf(one) - before[i]!) / added);
  const [controllerLag, speakerLag] = await Promise.all([lagOf(controller), lagOf(speaker)]);
  const rss = [memory(controller.pid, 'VmRSS'), memory(speaker.pid, 'VmRSS')];
  await forEach(0, added, AT_ONCE, async (i) => {
    await scene.request('DELETE', `${SERVICES(OURS)}/${names[i]}`);
    await scene.request('DELETE', `${SLICES}/${names[i]}-1`);
  });
  await settled();
  await pause(8000);
  bench.judge('memory of the controller, 10 s later', memory(controller.pid, 'VmRSS'), 200, megabytes, rss.slice(0, 1));
  bench.judge('memory of the speaker, 10 s later', memory(speaker.pid, 'VmRSS'), 200, megabytes, rss.slice(1));
  bench.judge('CPU of the speaker for an added Service', ofSpeaker, 3, milliseconds);
  bench.judge('event loop lag of the controller, 500 more come: p99', controllerLag, 50, milliseconds);
  bench.judge('event loop lag of the speaker: p99', speakerLag, 50, milliseconds);
  bench.table([
    ['CPU of the controller for an added Service', milliseconds(ofController)],
    ['most memory until now: controller', megabytes(memory(controller.pid, 'VmHWM'))],
    ['most memory until now: speaker', megabytes(memory(speaker.pid, 'VmHWM'))],
  ]);
}

/** Endpoints of the other Services go and come, 50 a second, which is a withdrawal or an announcement and a status each. */
async function churn(
  bench: Bench,
  scene: Scene,
  watchers: Watchers,
  controller: Daemon,
  speaker: Daemon,
): Promise<void> {
  await Promise.all([controller.metrics(), speaker.metrics()]);
  const before = [cpuOf(controller), cpuOf(speaker)];
  let going = true;
  const begun = machineTime();
  let changes = 0;
  const driver = async (): Promise<void> => {
    while (going) {
      const due = Math.floor(((machineTime() - begun) / 1000) * CHANGES_PER_SECOND);
      const batch: Promise<unknown>[] = [];
      for (; changes < due; changes++) {
        const gone = Math.floor(changes / 1000) % 2 === 0;
        batch.push(
          scene.request('PATCH', `${SLICES}/${nameOf(changes % Math.min(1000, count))}-1`, {
            endpoints: endpoints(!gone),
          }),
        );
      }
      await Promise.all([...batch, pause(20)]);
    }
  };
  const churning = driver();
  await pause(1500);
  let samples: Samples;
  try {
    samples = await series(scene, watchers, { from: 20_000, events: 100 });
  } finally {
    going = false;
    await churning;
  }
  const took = machineTime() - begun;
  await forEach(0, Math.min(1000, count), AT_ONCE, (i) =>
    scene.request('PATCH', `${SLICES}/${nameOf(i)}-1`, { endpoints: endpoints(true) }),
  );
  const words = `, ${count.toLocaleString('en')} there and ${CHANGES_PER_SECOND} changes a second`;
  judgeCreation(bench, samples, words, 2);
  judgeEndpoints(bench, samples, words, 2);
  const [controllerLag, speakerLag] = await Promise.all([lagOf(controller), lagOf(speaker)]);
  bench.judge('event loop lag of the controller meanwhile: p99', controllerLag, 50, milliseconds);
  bench.judge('event loop lag of the speaker meanwhile: p99', speakerLag, 50, milliseconds);
  bench.table([
    DISTRIBUTION,
    ...distributions(samples, 'churn'),
    ['changes made a second', `${((changes / took) * 1000).toFixed(1)}`],
    ...[controller, speaker].map((one, i) => [
      `of a core: ${i === 0 ? 'controller' : 'speaker'}`,
      percent(((cpuOf(one) - before[i]!) / took) * 100),
    ]),
  ]);
}

async function idle(bench: Bench, scene: Scene, settled: () => Promise<void>): Promise<void> {
  await settled();
  // The counts of Events that were repeated are written every 30 s.
  await pause(40_000);
  scene.audited();
  await pause(20_000);
  const seen = scene.audited();
  const by = new Map<string, number>();
  for (const { verb, userAgent, objectRef } of seen) {
    const key = `${userAgent.replace(/\/.*/, '')} ${verb} ${objectRef?.resource ?? ''}`;
    by.set(key, (by.get(key) ?? 0) + 1);
  }
  const writes = seen.filter((one) => isWrite(one) && !isLease(one));
  bench.demand('writes in 20 s of silence, but for the Lease', `${writes.length}`, '0', writes.length === 0);
  bench.table([['requests a minute when nothing happens', ''], ...[...by].map(([key, n]) => [key, `${n * 3}`])]);
}

async function restart(
  bench: Bench,
  scene: Scene,
  watchers: Watchers,
  first: Daemon,
  firstSpeaker: Daemon,
): Promise<[Daemon, Daemon]> {
  const addresses = async (): Promise<string> => {
    const { items } = (await scene.request('GET', SERVICES(OURS))) as { readonly items: readonly ServiceObject[] };
    return items.map((item) => `${item.metadata.name} ${addressOf(item)}`).join('\n');
  };
  const before = await addresses();
  scene.audited();
  let controller = first;
  const readies: number[] = [];
  const served: number[] = [];
  const trials = 3;
  for (let trial = 0; trial < trials; trial++) {
    const asked = machineTime();
    await controller.stop();
    controller = await scene.start('controller');
    const mark = watchers.statuses.mark();
    const name = `restart-${trial}`;
    await scene.request('POST', SERVICES(OURS), service(name));
    const { at } = await watchers.statuses.first(`${name} is served`, mark, seconds(30), (one) => one.name === name);
    served.push((at - asked) / 1000);
    readies.push(((await controller.ready()) - asked) / 1000);
    await pause(1500);
  }
  const writes = scene.audited().filter((one) => isStatusWrite(one));
  await Promise.all(
    Array.from({ length: trials }, (_, trial) => scene.request('DELETE', `${SERVICES(OURS)}/restart-${trial}`)),
  );
  const moved = before === (await addresses());
  bench.judge('controller, SIGTERM -> ready', median(readies), 3, inSeconds, readies);
  bench.judge('the same -> a new Service has its status', median(served), 3, inSeconds, served);
  bench.demand('addresses that moved', moved ? '0' : 'some', '0', moved);
  const others = writes.length - trials;
  bench.demand('status writes but that for each new Service', `${others}`, '0', others === 0);

  await firstSpeaker.stop();
  await pause(2000);
  const [frames, routes] = [watchers.wire.mark(), watchers.router.mark()];
  const speaker = await scene.start('speaker');
  await speaker.ready();
  const announced = async (): Promise<readonly number[] | undefined> => {
    const seen = new Map<string, number>();
    for (const { address, ms: at } of watchers.wire.since(frames)) if (!seen.has(address)) seen.set(address, at);
    return seen.size >= count ? [...seen.values()] : undefined;
  };
  const at = await until('every address is announced', 60_000, announced, 200);
  const routed = watchers.router.since(routes).filter(({ event }) => event === 'announced');
  const since = (time: number): number => (time - speaker.started) / 1000;
  bench.judge('speaker, start -> all announced on the wire', since(Math.max(...at)), 2, inSeconds);
  bench.table([
    ['the first one', inSeconds(since(Math.min(...at)))],
    ['half of them', inSeconds(since(median(at)))],
    [
      'first and last UPDATE at the router',
      routed
        .map((one) => inSeconds(since(one.at)))
        .filter((_, i, all) => i === 0 || i === all.length - 1)
        .join(', '),
    ],
    ['routes there', `${routed.reduce((sum, { prefixes }) => sum + prefixes.length, 0)}`],
  ]);
  return [controller, speaker];
}

interface Watchers {
  /** Statuses with an address, as a watch of the bench's own shows them. */
  readonly statuses: Feed<Seen>;
  readonly wire: Feed<Sighting>;
  readonly router: Feed<RouterNews>;
}

async function startWatching(bench: Bench, scene: Scene): Promise<Watchers> {
  const wire = await watchWire(bench);
  const birth = new Feed<true>();
  const { plane, token } = scene;
  const bare = [process.execPath, BARE_LOOP, 'watch', plane.apiServer.url, plane.caFile, token, BARE];
  bench.lab.spawn(undefined, bare, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout?.on('data', () => birth.push(true));
  const statuses = await watchStatuses(scene.api);
  await birth.first('the bare loop watches', 0, seconds(10), () => true);
  return { statuses, wire, router: startRawRouter(bench.lab, 'client', 'steady', ROUTER, 65_536) };
}

async function startBoth(scene: Scene): Promise<[Daemon, Daemon]> {
  const controller = await scene.start('controller');
  await controller.ready();
  const speaker = await scene.start('speaker');
  await speaker.ready();
  await pause(2500);
  return [controller, speaker];
}

interface Samples {
  readonly bare: number[];
  readonly status: number[];
  /** Service created -> gratuitous ARP, -> UPDATE. */
  readonly wire: number[];
  readonly route: number[];
  /** Endpoint ready -> gratuitous ARP, -> UPDATE. */
  readonly endpointWire: number[];
  readonly endpointRoute: number[];
}

/**
 * All times are from the moment at which the answer to the bench's write was read, so what overtakes that answer is below 0.
 * In alternation: a Service for the bare loop, one for Clarion, whose endpoints then go and come.
 */
async function series(
  scene: Scene,
  { statuses, wire, router }: Watchers,
  { from, events }: { readonly from: number; readonly events: number },
): Promise<Samples> {
  const samples: Samples = { bare: [], status: [], wire: [], route: [], endpointWire: [], endpointRoute: [] };
  // At no fixed phase of anything, and long enough for everybody to go idle.
  const rest = (): Promise<void> => pause(15 + Math.random() * 20);
  const limit = ms(20_000);
  for (let i = 0; i < events; i++) {
    const name = `event-${nameOf(from + i)}`;
    const create = async (namespace: string): Promise<{ readonly start: number; readonly seen: Promise<Seen> }> => {
      const mark = statuses.mark();
      await scene.request('POST', SERVICES(namespace), service(name, namespace === BARE));
      const start = machineTime();
      const isIt = (one: Seen): boolean => one.name === name && one.namespace === namespace;
      return { start, seen: statuses.first(`${namespace}/${name} has a status`, mark, limit, isIt) };
    };
    const bare = await create(BARE);
    samples.bare.push((await bare.seen).at - bare.start);
    await rest();

    await scene.request('POST', SLICES, slice(name, true));
    await rest();
    let marks = { wire: wire.mark(), router: router.mark() };
    const ours = await create(OURS);
    const { at, address } = await ours.seen;
    const announced = async (): Promise<readonly [number, number]> => {
      const frame = wire.first(`gratuitous ARP for ${address}`, marks.wire, limit, (one) => one.address === address);
      const update = router.first(
        `UPDATE for ${address}`,
        marks.router,
        limit,
        ({ event, prefixes }) => event === 'announced' && prefixes.includes(`${address}/32`),
      );
      return [(await frame).ms, (await update).at];
    };
    samples.status.push(at - ours.start);
    const [frame, update] = await announced();
    samples.wire.push(frame - ours.start);
    samples.route.push(update - ours.start);
    await rest();

    const setReady = (ready: boolean): Promise<unknown> =>
      scene.request('PATCH', `${SLICES}/${name}-1`, { endpoints: endpoints(ready) });
    const mark = router.mark();
    await setReady(false);
    await router.first(
      `withdrawal of ${address}`,
      mark,
      limit,
      ({ event, prefixes }) => event === 'withdrawn' && prefixes.includes(`${address}/32`),
    );
    await rest();
    marks = { wire: wire.mark(), router: router.mark() };
    await setReady(true);
    const start = machineTime();
    const [frameAgain, updateAgain] = await announced();
    samples.endpointWire.push(frameAgain - start);
    samples.endpointRoute.push(updateAgain - start);
    await rest();
  }
  return samples;
}

/** Of the targets so many times, under `words`. */
function judgeCreation(bench: Bench, { bare, status, wire }: Samples, words: string, factor: number): void {
  const ratio = (share: number): number => percentile(status, share) / percentile(bare, share);
  const spread = (share: number): number[] => tenths(status, share).map((value, i) => value / tenths(bare, share)[i]!);
  bench.judge(`new Service -> status${words}: p50 of the bare loop`, ratio(0.5), 1.3, times, spread(0.5));
  bench.judge('the same, p99', ratio(0.99), 2, times, spread(0.99));
  bench.judge('the same, for orientation: p50', percentile(status, 0.5), 5 * factor, milliseconds, tenths(status, 0.5));
  bench.judge('the same, p99', percentile(status, 0.99), 15 * factor, milliseconds);
  bench.judge(
    `new Service -> gratuitous ARP${words}: p50`,
    percentile(wire, 0.5),
    7 * factor,
    milliseconds,
    tenths(wire, 0.5),
  );
  bench.judge('the same, p99', percentile(wire, 0.99), 25 * factor, milliseconds);
}

function judgeEndpoints(bench: Bench, { endpointWire, endpointRoute }: Samples, words: string, factor: number): void {
  const row = (name: string, samples: readonly number[], p50: number, p99: number): void => {
    bench.judge(`${name}${words}: p50`, percentile(samples, 0.5), p50 * factor, milliseconds, tenths(samples, 0.5));
    bench.judge('the same, p99', percentile(samples, 0.99), p99 * factor, milliseconds);
  };
  row('endpoint ready -> gratuitous ARP', endpointWire, 1.6, 10);
  row('endpoint ready -> UPDATE', endpointRoute, 1, 5);
}

/** The same of each of five parts. */
const tenths = (samples: readonly number[], share: number): number[] =>
  Array.from({ length: 5 }, (_, i) =>
    percentile(samples.slice((i * samples.length) / 5, ((i + 1) * samples.length) / 5), share),
  );

const DISTRIBUTION = ['', 'min', 'p50', 'p90', 'p99', 'max'];
const distributions = (samples: Samples, words: string): string[][] =>
  Object.entries(samples).map(([name, values]: [string, readonly number[]]) => [
    `${words}: ${name} (${values.length})`,
    ...[0, 0.5, 0.9, 0.99, 1].map((share) => milliseconds(percentile(values, share))),
  ]);

const isWrite = ({ verb }: Audited): boolean => ['create', 'update', 'patch', 'delete'].includes(verb);
const isLease = ({ objectRef }: Audited): boolean => objectRef?.resource === 'leases';
const isStatusWrite = (one: Audited): boolean =>
  isWrite(one) && one.objectRef?.resource === 'services' && one.objectRef.subresource === 'status';
const succeeded = ({ responseStatus }: Audited): boolean => responseStatus?.code === 200;
const timeOf = ({ stageTimestamp }: Audited): number => Date.parse(stageTimestamp);
const lastOf = (all: readonly Audited[]): number => Math.max(...all.map(timeOf));

const cpuOf = ({ pid }: Daemon): number => cpuTime(pid).control + cpuTime(pid).others;
const lagOf = async (daemon: Daemon): Promise<number> =>
  (await daemon.metrics())('clarion_nodejs_eventloop_lag_p99_seconds') * 1000;

await runBench(
  import.meta.url,
  `Clarion at a real API server: ${[part, ...parts].join(' ')}`,
  async (bench) => {
    const run = { pending, latency, large }[part];
    if (run === undefined) throw usageError('npx tsx bench/kubernetes.ts pending|latency|large');
    const scene = await openScene(bench);
    try {
      await run(bench, scene);
    } catch (thrown) {
      // What was measured before holds.
      bench.verdict();
      throw thrown;
    } finally {
      await scene.stop();
    }
  },
  seconds(1800),
);
