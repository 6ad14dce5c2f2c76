import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { decoded } from '../../src/base/decoded.ts';
import { formatIpAddress, ipAddress } from '../../src/base/ip-address.ts';
import type { Logger } from '../../src/base/logger.ts';
import type { ElectionCandidate } from '../../src/election/address.ts';
import type { Seed } from '../../src/membership/member.ts';
import type { FromWire, Join, WireAddress } from '../../src/speaker/messages.ts';
import { Wire } from '../../src/speaker/wire-thread.ts';
import { FakeDatagrams } from '../support/fake-datagrams.ts';
import { FakeHopDatagrams } from '../support/fake-hop-datagrams.ts';
import { FakeNetwork, FakeSegment } from '../support/fake-network.ts';
import { macEnding } from '../support/scenario.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What the wire thread does of what control tells it, on virtual time: several of them on one segment, and nobody else. */
const KEYS = [{ id: 1, secret: new Uint8Array(32) }];
const VIP = ipAddress('ipv4', 0xc000_02c8n);
const at = (lastByte: number) => ({ address: ipAddress('ipv4', 0xc000_0200n + BigInt(lastByte)), port: 7946 });
const nodesOf = (names: string): readonly Seed[] =>
  names.split('').map((node, i) => ({ node, addresses: [at(i + 1)] }));
const candidate = (node: string, more: Partial<ElectionCandidate> = {}): ElectionCandidate => ({
  node,
  preference: 0,
  leaving: false,
  ready: true,
  interfaces: [],
  ...more,
});
const wanted = (...candidates: readonly ElectionCandidate[]): WireAddress => ({
  address: VIP,
  serving: true,
  interfaces: [],
  candidates,
  healthCheckPorts: [],
});

let clock: VirtualClock;
let datagrams: FakeDatagrams;
let segment: FakeSegment;
let started: WireUnderTest[];
beforeEach(() => {
  clock = new VirtualClock();
  datagrams = new FakeDatagrams(clock);
  segment = new FakeSegment();
  started = [];
});
afterEach(() => {
  for (const { wire } of started) wire.stop();
});

async function run(duration: number): Promise<void> {
  for (let i = 0; i < duration; i++) {
    clock.advance(1);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

class WireUnderTest {
  readonly wire: Wire;
  readonly told: FromWire[] = [];
  readonly warnings: string[] = [];
  readonly #address;
  readonly #network = new FakeNetwork();

  constructor(node: string, lastByte: number) {
    const { address } = at(lastByte);
    this.#address = address;
    const own = { address, prefixLength: 24 };
    this.#network.addInterface({ name: 'eth0', segment, mac: macEnding(lastByte), addresses: [own] });
    const host = datagrams.host();
    const logger: Logger = { debug() {}, info() {}, warn: (text) => void this.warnings.push(text), error() {} };
    this.wire = new Wire({
      options: { version: 'test', node, interfaces: [], observe: false, logLevel: 'silent' },
      network: this.#network,
      datagrams: {
        openDatagramSocket: async ({ port }, handlers) => {
          const opened = await host.openDatagramSocket({ address, port }, handlers);
          return opened.ok ? decoded(opened.value) : opened;
        },
        whenDrained: (then) => host.whenDrained(then),
      },
      hops: new FakeHopDatagrams(clock).host([]),
      healthCheck: async () => true,
      framesReceived: () => clock.now(),
      clock,
      random: seededRandom(lastByte),
      logger,
      send: (message) => void this.told.push(structuredClone(message)),
    });
    started.push(this);
  }

  join(nodes: readonly Seed[], more: Partial<Join> = {}): this {
    const settings = {
      gratuitous: { rounds: 1, interval: ms(1000), refresh: ms(0), ratePerSecond: 1000 },
      conflictProbe: { count: 0, wait: ms(0) },
    };
    this.wire.receive({ kind: 'layer2-settings', settings });
    const join: Join = { profile: 'default', port: 7946, settleTime: ms(1000), keys: KEYS, nodes, ...more };
    this.wire.receive({ kind: 'join', join });
    return this;
  }

  want(address: WireAddress): void {
    this.wire.receive({ kind: 'addresses', set: [address], remove: [] });
  }

  /** Its power fails. */
  die(): void {
    datagrams.close({ address: this.#address, port: 7946 });
    this.#network.removeInterface('eth0');
  }

  /** As it told control last. */
  holder(): string | undefined {
    const said = this.told.flatMap((message) => (message.kind === 'report' ? message.changed : []));
    return said.findLast(({ address }) => formatIpAddress(address) === formatIpAddress(VIP))?.holder;
  }

  members(): Extract<FromWire, { kind: 'members' }> | undefined {
    return this.told.findLast((message) => message.kind === 'members');
  }
}

async function two(...candidates: readonly ElectionCandidate[]): Promise<readonly [WireUnderTest, WireUnderTest]> {
  const pair = [new WireUnderTest('a', 1), new WireUnderTest('b', 2)] as const;
  for (const one of pair) {
    one.join(nodesOf('ab'));
    one.want(wanted(...candidates));
  }
  await run(2000);
  return pair;
}

test('the only node of a cluster announces at once', async () => {
  const a = new WireUnderTest('a', 1).join(nodesOf('a'));
  a.want(wanted(candidate('a')));
  await run(50);
  expect(a.holder()).toBe('a');
});

test('a node that is about to go hands over to one that stays, and takes nothing while there is one', async () => {
  const [a, b] = await two(candidate('a', { preference: 1 }), candidate('b'));
  expect(a.holder()).toBe('a');
  for (const one of [a, b]) one.want(wanted(candidate('a', { preference: 1, leaving: true }), candidate('b')));
  await run(100);
  expect(a.holder()).toBe('b');
  expect(b.holder()).toBe('b');
});

test('rebalancing that is told while the sockets are being opened is not forgotten', async () => {
  const a = new WireUnderTest('a', 1).join(nodesOf('ab'));
  a.wire.receive({ kind: 'rebalance', perMinute: 60 });
  const b = new WireUnderTest('b', 2);
  a.want(wanted(candidate('a'), candidate('b', { preference: 1 })));
  await run(3000);
  expect(a.holder()).toBe('a');
  b.join(nodesOf('ab')).want(wanted(candidate('a'), candidate('b', { preference: 1 })));
  await run(13_000);
  expect(a.holder()).toBe('b');
});

describe('a view of the cluster that is old', () => {
  /** Both see that only b may hold it; a does not. */
  const outdated = async (age: number): Promise<string | undefined> => {
    const [a, b] = await two(candidate('a', { preference: 1 }), candidate('b'));
    a.wire.receive({ kind: 'api-view', age: ms(age) });
    b.want(wanted(candidate('b')));
    await run(3000);
    return b.holder();
  };

  test('is no reason to give anything up while it may be newer than it seems', async () => {
    expect(await outdated(0)).toBe('a');
  });

  test('but what another one with a newer view asks for is handed over', async () => {
    expect(await outdated(9000)).toBe('b');
  });

  test('grows by itself, and is told again only when it is otherwise than expected', async () => {
    const [a] = await two(candidate('a', { preference: 1 }), candidate('b'));
    let sent = 0;
    datagrams.lose = (from, _to, bytes) => {
      // Probes have 70 octets, acknowledgements fewer: this is what the election says.
      if (from.address.value === at(1).address.value && bytes.length > 80) sent++;
      return false;
    };
    for (let age = 0; age <= 5000; age += 1000) {
      a.wire.receive({ kind: 'api-view', age: ms(age) });
      await run(1000);
    }
    expect(sent).toBe(1);
    a.wire.receive({ kind: 'api-view', age: ms(0) });
    await run(1000);
    expect(sent).toBe(2);
  });
});

describe('settings of the membership that change', () => {
  test('the profile counts from now on', async () => {
    const [a, b] = await two(candidate('a'), candidate('b', { preference: 1 }));
    expect(a.holder()).toBe('b');
    for (const { wire } of [a, b]) wire.receive({ kind: 'membership', profile: 'fast', port: 7946 });
    await run(500);
    b.die();
    await run(200);
    expect(a.holder()).toBe('a');
    expect(a.warnings).not.toContain('another membership port takes effect when the speakers start anew');
  });

  test('another port takes a restart, which is said once', async () => {
    const [a] = await two(candidate('a'), candidate('b'));
    for (let i = 0; i < 3; i++) a.wire.receive({ kind: 'membership', profile: 'default', port: 7947 });
    const said = a.warnings.filter(
      (text) => text === 'another membership port takes effect when the speakers start anew',
    );
    expect(said).toHaveLength(1);
  });
});

test('of two speakers with one name the one that came later says that the name is taken; the others name both', async () => {
  const [a] = await two(candidate('a'), candidate('b'));
  const later = new WireUnderTest('b', 9).join(nodesOf('ab'));
  await run(2000);
  expect(later.members()).toMatchObject({ nameTaken: true });
  expect(a.members()).toMatchObject({ nameTaken: false, namesakes: [{ node: 'b', addresses: [at(9)] }] });
  later.die();
  await run(32_000);
  expect(a.members()).toMatchObject({ namesakes: [] });
});
