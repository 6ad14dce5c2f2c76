import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventReader } from '../../src/base/event-stream.ts';
import { formatIpAddress, ipAddressIn } from '../../src/base/ip-address.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import { wordsIn } from '../../src/cluster/address-words.ts';
import { HeardReport } from '../../src/cluster/kubernetes/report-event.ts';
import { ReportFeed } from '../../src/cluster/kubernetes/report-feed.ts';
import type { ReportBoard, SpeakerReport, WriteOutcome } from '../../src/cluster/ports.ts';
import type { WireAddressReport } from '../../src/speaker/messages.ts';
import { OwnReport } from '../../src/speaker/own-report.ts';
import { bgpWord, layer2Word } from '../../src/speaker/speaker-report.ts';
import type { Told } from '../../src/status/report.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1'] as const;
type Layer2 = WireAddressReport['layer2'];
const onWire = (address: string, holder: string | undefined, layer2: Layer2): WireAddressReport => ({
  address: ipAddressIn(address),
  holder,
  term: 1,
  since: undefined,
  handingOver: undefined,
  layer2,
});
const ANNOUNCED: Layer2 = { kind: 'announced', interfaces: ['eth0'] };
type Word = readonly [address: string, state: string];
const said = (...words: readonly Word[]): SpeakerReport['addresses'] =>
  wordsIn(words.map(([address, state]) => ({ address, state })));

/** Keeps what it was given last, as far as it takes it. */
class Board implements ReportBoard {
  published = 0;
  outcome: WriteOutcome = { kind: 'done' };
  readonly #before: readonly SpeakerReport[];
  /** A copy: what is published is changed in place. */
  latest: SpeakerReport['addresses'] | undefined;
  constructor(before: readonly SpeakerReport[] = []) {
    this.#before = before;
  }
  async publish({ addresses }: SpeakerReport): Promise<WriteOutcome> {
    this.published++;
    if (this.outcome.kind === 'done') this.latest = new Map(addresses);
    return this.outcome;
  }
  reports(): readonly SpeakerReport[] {
    return this.#before;
  }
  heardAll(): boolean {
    return true;
  }
}

/** BGP as a test has it: who is to know each address, and which sessions are up. */
class Sessions {
  readonly addressees = new TrackedMap<string, readonly string[]>();
  asked = 0;
  #up: ReadonlySet<string> = new Set();
  #told = this.#tellingWho();
  setUp(up: readonly string[]): void {
    this.#up = new Set(up);
    this.#told = this.#tellingWho();
  }
  told(): (address: string) => Told | undefined {
    return this.#told;
  }
  #tellingWho(): (address: string) => Told | undefined {
    const up = this.#up;
    return (address) => {
      this.asked++;
      const peers = this.addressees.get(address);
      return peers && { told: peers.filter((peer) => up.has(peer)), untold: peers.filter((peer) => !up.has(peer)) };
    };
  }
}

const start = (board: ReportBoard, clock: VirtualClock, routing?: Sessions): OwnReport =>
  new OwnReport({ node: 'node-a', board, clock, logger: silentLogger, routing });

test('whatever happens, what is published and what its reader knows is what would be said if it were made anew', async () => {
  const address = fc.constantFrom(...ADDRESSES);
  const layer2 = fc.constantFrom<Layer2>(
    undefined,
    ANNOUNCED,
    { kind: 'prepared' },
    { kind: 'probing' },
    { kind: 'no-interface' },
  );
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('wire' as const),
      address,
      holder: fc.constantFrom(undefined, 'node-a', 'node-b'),
      layer2,
    }),
    fc.record({ kind: fc.constant('removed' as const), address }),
    fc.record({ kind: fc.constant('peers' as const), address, peers: fc.option(fc.subarray(['tor-1', 'tor-2'])) }),
    fc.record({ kind: fc.constant('sessions' as const), up: fc.subarray(['tor-1', 'tor-2']) }),
    fc.record({ kind: fc.constant('time' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const clock = new VirtualClock();
      const feed = new ReportFeed(clock);
      const heard = new HeardReport();
      const reader = new EventReader();
      feed.follow({
        write(text) {
          for (const line of text.split('\n').slice(0, -1)) {
            const event = reader.line(line);
            if (event !== undefined) heard.take(event);
          }
          return true;
        },
        on: () => undefined,
        destroy: () => undefined,
      });
      const sessions = new Sessions();
      const own = start(feed, clock, sessions);
      own.publishSoon();
      const wire = new Map<string, WireAddressReport>();
      for (const one of [...steps, { kind: 'time' as const }]) {
        switch (one.kind) {
          case 'wire': {
            const report = onWire(one.address, one.holder, one.layer2);
            wire.set(one.address, report);
            own.fromWire([report], []);
            break;
          }
          case 'removed':
            wire.delete(one.address);
            own.fromWire([], [ipAddressIn(one.address)]);
            break;
          case 'peers':
            if (one.peers === null) sessions.addressees.delete(one.address);
            else sessions.addressees.set(one.address, one.peers);
            own.publishSoon();
            break;
          case 'sessions':
            sessions.setUp(one.up);
            own.publishSoon();
            break;
          case 'time':
            clock.advance(20);
            await Promise.resolve();
            expect(sorted(heard.report()?.addresses)).toEqual(sorted(madeAnew(wire, sessions)));
            expect(sorted(feed.reports()[0]?.addresses)).toEqual(sorted(madeAnew(wire, sessions)));
        }
      }
      feed.stop();
      own.stop();
    }),
  );
});

function madeAnew(wire: ReadonlyMap<string, WireAddressReport>, sessions: Sessions): SpeakerReport['addresses'] {
  const all = ADDRESSES.map((address) => {
    const report = wire.get(address);
    const words = [report && layer2Word(report, 'node-a'), bgpWord(sessions.told()(address))];
    return [address, words.filter((word) => word !== undefined)] as const;
  });
  return new Map(all.filter(([, words]) => words.length > 0));
}

const sorted = (addresses: SpeakerReport['addresses'] | undefined): unknown =>
  addresses && [...addresses].sort(([a], [b]) => (a < b ? -1 : 1));

test('of a thousand addresses that one is looked at of which something changed, and all when a session came up', () => {
  const [clock, board, sessions] = [new VirtualClock(), new Board(), new Sessions()];
  const all = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  for (const address of all) sessions.addressees.set(address, ['tor']);
  const own = start(board, clock, sessions);
  const asked = (): number => {
    sessions.asked = 0;
    own.publishSoon();
    clock.advance(20);
    return sessions.asked;
  };
  expect(asked()).toBe(1000);
  own.fromWire([onWire(all[7]!, 'node-a', ANNOUNCED)], []);
  expect(asked()).toBe(1);
  sessions.addressees.delete(all[8]!);
  expect(asked()).toBe(1);
  expect(asked()).toBe(0);
  sessions.setUp(['tor']);
  expect(asked()).toBe(999);
  expect(board.latest?.get(all[7]!)?.map(({ state }) => state)).toEqual(['announced', 'announced']);
});

describe('publishing', () => {
  test('one that has nothing to say says so; after that, what changes nothing is not published', async () => {
    const [clock, board, sessions] = [new VirtualClock(), new Board(), new Sessions()];
    const own = start(board, clock, sessions);
    own.publishSoon();
    clock.advance(20);
    expect([board.published, board.latest?.size]).toEqual([1, 0]);
    own.fromWire([onWire('192.0.2.1', 'node-a', ANNOUNCED)], []);
    clock.advance(20);
    expect([board.published, board.latest?.size]).toEqual([2, 1]);
    // Another term, and a session that counts a message.
    own.fromWire([onWire('192.0.2.1', 'node-a', ANNOUNCED)], []);
    own.publishSoon();
    clock.advance(1000);
    expect(board.published).toBe(2);
    await Promise.resolve();
    expect(clock.pending()).toEqual([]);
  });

  test('what could not be written is written again, though nothing else changes', async () => {
    const [clock, board] = [new VirtualClock(), new Board()];
    const own = start(board, clock);
    own.publishSoon();
    clock.advance(20);
    await Promise.resolve();
    board.outcome = { kind: 'retry', message: 'the disk is full' };
    own.fromWire([onWire('192.0.2.1', 'node-a', ANNOUNCED)], []);
    clock.advance(20);
    await Promise.resolve();
    clock.advance(1000);
    await Promise.resolve();
    expect([board.published, board.latest?.size]).toEqual([3, 0]);
    board.outcome = { kind: 'done' };
    clock.advance(1000);
    await Promise.resolve();
    expect([board.published, board.latest?.size]).toEqual([4, 1]);
    expect(clock.pending()).toEqual([]);
  });

  test('while another one has the name nothing is said, and all of it when that one is gone', () => {
    const [clock, board] = [new VirtualClock(), new Board()];
    const own = start(board, clock);
    own.nameTaken(true);
    own.fromWire([onWire('192.0.2.1', 'node-a', ANNOUNCED)], []);
    clock.advance(1000);
    expect(board.published).toBe(0);
    own.nameTaken(false);
    clock.advance(20);
    expect(board.latest).toEqual(said(['192.0.2.1', 'announced']));
  });
});

describe('what was said before the start', () => {
  const before = (...words: readonly Word[]): Board =>
    new Board([
      { node: 'node-b', at: '2026-01-01T00:00:00Z', addresses: said(['192.0.2.9', 'announced']) },
      { node: 'node-a', at: '2026-01-01T00:00:00Z', addresses: said(...words) },
    ]);

  test('holds of addresses that there are still, until the wire thread says something', () => {
    const clock = new VirtualClock();
    const board = before(['192.0.2.1', 'announced'], ['192.0.2.2', 'announced'], ['192.0.2.3', 'refused']);
    const own = start(board, clock);
    expect([...own.inherit(new Set(['192.0.2.1', '192.0.2.2'])).keys()]).toEqual(['192.0.2.1', '192.0.2.2']);
    own.fromWire([onWire('192.0.2.2', 'node-b', undefined)], []);
    clock.advance(20);
    expect(board.latest).toEqual(said(['192.0.2.1', 'announced']));
    own.fromWire([], [ipAddressIn('192.0.2.1')]);
    clock.advance(20);
    expect(board.latest?.size).toBe(0);
  });

  test('is forgotten when the time for it is over', () => {
    const clock = new VirtualClock();
    const board = before(['192.0.2.1', 'announced'], ['192.0.2.2', 'announced']);
    const own = start(board, clock);
    own.inherit(new Set(['192.0.2.1', '192.0.2.2']));
    own.fromWire([onWire('192.0.2.2', 'node-a', ANNOUNCED)], []);
    clock.advance(20);
    expect(board.latest?.size).toBe(2);
    own.disinherit();
    clock.advance(20);
    expect(board.latest).toEqual(said(['192.0.2.2', 'announced']));
  });

  test("is layer 2's word, and BGP says its own anew", () => {
    const [clock, sessions] = [new VirtualClock(), new Sessions()];
    const board = before(['192.0.2.1', 'prepared'], ['192.0.2.1', 'announced']);
    sessions.addressees.set('192.0.2.1', ['tor']);
    const own = start(board, clock, sessions);
    expect(own.inherit(new Set(['192.0.2.1'])).get('192.0.2.1')?.state).toBe('prepared');
    own.publishSoon();
    clock.advance(20);
    expect(board.latest?.get('192.0.2.1')?.map(({ state }) => state)).toEqual(['prepared', 'refused']);
    sessions.setUp(['tor']);
    own.publishSoon();
    clock.advance(20);
    expect(board.latest?.get('192.0.2.1')?.map(({ state }) => state)).toEqual(['prepared', 'announced']);
  });
});

test('all that the wire thread said is kept by address', () => {
  const own = start(new Board(), new VirtualClock());
  own.fromWire([onWire('2001:db8::1', 'node-b', undefined)], []);
  expect(own.wire.get(formatIpAddress(ipAddressIn('2001:DB8::1')))?.holder).toBe('node-b');
});
