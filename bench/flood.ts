import { type Bench, cpuTime, pause, percent, runBench, times, tool } from './harness.ts';
import { type Standalone, startStandalone } from './standalone.ts';
import { buildPair, FIRST4, NODE, writeFolder } from './world.ts';

/**
 * 100,000 ARP requests a second. For addresses that are not ours the kernel drops them in the socket's filter, so the
 * speaker must hardly notice; for those that are, every request is answered or counted as dropped, and the counts agree
 * with what the client sees.
 */
const RATE = 100_000;
const SECONDS = 8;
const HELD = 1000;

const FLOODS = {
  nothing: [],
  'of other addresses': ['10.99.200.0+4096', '10.98.0.0+4096'],
  'of held addresses': [`${FIRST4}+${HELD}`],
} as const;

/** Frames since the start. */
interface Counts {
  /** Read from the socket. */
  readonly read: number;
  readonly answered: number;
  /** Read, but not answered. */
  readonly dropped: number;
  /** Not read in time, so the kernel dropped them. */
  readonly overrun: number;
}

interface Outcome {
  readonly sent: number;
  readonly replies: number;
  readonly perSecond: number;
  /** Percent of one core. */
  readonly control: number;
  readonly others: number;
  readonly counted: Counts;
}

async function counts(standalone: Standalone): Promise<Counts> {
  const metrics = await standalone.metrics();
  const arp = (name: string): number => metrics(`clarion_layer2_${name}_total`, 'protocol="arp"');
  return { read: arp('received'), answered: arp('answered'), dropped: arp('dropped'), overrun: arp('kernel_dropped') };
}

async function flood(bench: Bench, standalone: Standalone, ranges: readonly string[]): Promise<Outcome> {
  const before = { counts: await counts(standalone), cpu: cpuTime(standalone.pid) };
  const sent =
    ranges.length === 0
      ? await pause(SECONDS * 1000).then(() => ({ sent: 0, replies: 0, seconds: SECONDS }))
      : (JSON.parse(
          await bench.lab.run('client', [tool('flood'), 'eth0', String(RATE), String(SECONDS), ...ranges], undefined),
        ) as { sent: number; replies: number; seconds: number });
  const cpu = cpuTime(standalone.pid);
  const after = await counts(standalone);
  const share = (used: number): number => used / sent.seconds / 10;
  return {
    sent: sent.sent,
    replies: sent.replies,
    perSecond: sent.sent / sent.seconds,
    control: share(cpu.control - before.cpu.control),
    others: share(cpu.others - before.cpu.others),
    counted: {
      read: after.read - before.counts.read,
      answered: after.answered - before.counts.answered,
      dropped: after.dropped - before.counts.dropped,
      overrun: after.overrun - before.counts.overrun,
    },
  };
}

await runBench(import.meta.url, `A flood of ${RATE.toLocaleString('en')} ARP requests a second`, async (bench) => {
  await buildPair(bench);
  const folder = writeFolder({ name: 'flood', services: HELD, ready: true });
  const standalone = await startStandalone({ lab: bench.lab, host: NODE, folder });
  await standalone.settled('announced', HELD);
  await pause(3000);
  const outcomes = new Map<string, Outcome>();
  for (const [name, ranges] of Object.entries(FLOODS)) outcomes.set(name, await flood(bench, standalone, ranges));
  await standalone.stop();
  const whole = (value: number): string => Math.round(value).toLocaleString('en').padStart(9);
  bench.table([
    [
      'flood',
      '   sent/s',
      'wire core',
      ' control',
      '     read',
      ' answered',
      '  dropped',
      '  overrun',
      'seen by client',
    ],
    ...[...outcomes].map(([name, { perSecond, others, control, replies, counted }]) => [
      name,
      whole(perSecond),
      percent(others).padStart(9),
      percent(control).padStart(8),
      whole(counted.read),
      whole(counted.answered),
      whole(counted.dropped),
      whole(counted.overrun),
      whole(replies),
    ]),
  ]);
  const idle = outcomes.get('nothing')!;
  const foreign = outcomes.get('of other addresses')!;
  const held = outcomes.get('of held addresses')!;
  const used = ({ control, others }: Outcome): number => control + others;
  bench.judge('CPU for other addresses, above idle, of one core', used(foreign) - used(idle), 1, percent);
  bench.judge('the same, as a part of what held ones cost', used(foreign) / used(held), 0.05, times);
  const { read, answered, dropped, overrun } = held.counted;
  const same = (name: string, [left, right]: readonly [number, number]): void =>
    bench.demand(name, `${whole(left).trim()} and ${whole(right).trim()}`, 'equal', left === right);
  same('held: received = answered + counted drops', [held.sent, answered + dropped + overrun]);
  same('held: read = answered + dropped', [read, answered + dropped]);
  same('held: answered = seen by the client', [answered, held.replies]);
});
