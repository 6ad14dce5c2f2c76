import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { MembershipDriver, type MembershipReport } from '../../src/membership/driver.ts';
import { parseKeyFile } from '../../src/membership/keys.ts';
import { type Instance, instanceFromBytes, type TransportAddress } from '../../src/membership/member.ts';
import { DEFAULT_PROFILE } from '../../src/membership/settings.ts';
import { FLAG_BOUND } from '../../src/membership/wire/constants.ts';
import { Sealer } from '../../src/membership/wire/datagram.ts';
import { nodeDatagrams } from '../../src/network/datagram-socket.ts';
import type { DatagramEndpoint, DatagramHandlers, DatagramNetwork } from '../../src/network/ports.ts';

/** Three speakers in this process, each with its own sockets, on the loopback. Everything here takes real time. */
const keyOf = (word: string) => {
  const keys = parseKeyFile(Buffer.from(word.padEnd(32, '.')).toString('base64'));
  if (!keys.ok) throw new Error(keys.error);
  return keys.value;
};
const KEYS = keyOf('the key of the group');
const address = (text: string): IpAddress => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

interface Speaker {
  readonly node: string;
  readonly driver: MembershipDriver;
  readonly reports: MembershipReport[];
  readonly at: TransportAddress;
  /** Every datagram that it received. */
  readonly recorded: Uint8Array[];
}
const open: Speaker[] = [];
afterEach(() => {
  for (const { driver } of open.splice(0)) driver.stop();
});

/** Real sockets that keep what came in. */
function recording(recorded: Uint8Array[]): DatagramNetwork {
  const network = nodeDatagrams(systemClock);
  return {
    openDatagramSocket: (local: DatagramEndpoint, handlers: DatagramHandlers) =>
      network.openDatagramSocket(local, {
        ...handlers,
        datagram: (bytes, from) => {
          recorded.push(bytes.slice());
          handlers.datagram(bytes, from);
        },
      }),
    whenDrained: (run) => network.whenDrained(run),
  };
}

async function start(node: string, host: string, port = 0, keys = KEYS): Promise<Speaker> {
  const reports: MembershipReport[] = [];
  const recorded: Uint8Array[] = [];
  const local = { address: address(host), port };
  const driver = await MembershipDriver.open({
    node,
    profile: DEFAULT_PROFILE,
    keys,
    listen: [local],
    addresses: [local],
    network: recording(recorded),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onReport: (report) => reports.push(report),
    onWoke: () => {},
  });
  const speaker = { node, driver, reports, recorded, at: { ...local, port: driver.port(local.address.family)! } };
  open.push(speaker);
  return speaker;
}

const acquaint = (speakers: readonly Speaker[]): void => {
  const seeds = speakers.map(({ node, at }) => ({ node, addresses: [at] }));
  for (const { driver } of speakers) driver.setSeeds(seeds);
};

async function until(holds: () => boolean, limit = 3000): Promise<number> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > limit) throw new Error(`it did not happen within ${limit} ms`);
    await sleep(2);
  }
  return performance.now() - began;
}

const statusOf = (speaker: Speaker, node: string) =>
  speaker.driver.members().find((member) => member.node === node)?.status;
const allAlive = (speakers: readonly Speaker[]): boolean =>
  speakers.every((one) => speakers.every((other) => one === other || statusOf(one, other.node) === 'alive'));

const deathsAt = (speakers: readonly Speaker[]): readonly MembershipReport[] =>
  speakers.flatMap(({ reports }) =>
    reports.filter((report) => report.kind === 'member-changed' && report.member.status === 'dead'),
  );

async function three(host: string): Promise<readonly [Speaker, Speaker, Speaker]> {
  const speakers = [await start('a', host), await start('b', host), await start('c', host)] as const;
  acquaint(speakers);
  await until(() => allAlive(speakers));
  return speakers;
}

/** Sends from a socket of its own. */
async function inject(to: TransportAddress, ...datagrams: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket(to.address.family === 'ipv4' ? 'udp4' : 'udp6');
  for (const [i, bytes] of datagrams.entries()) {
    await new Promise<void>((resolve) =>
      socket.send(bytes, to.port, to.address.family === 'ipv4' ? '127.0.0.1' : '::1', () => resolve()),
    );
    // The receiver is this process: its receive buffer holds few.
    if (i % 100 === 99) await sleep(1);
  }
  socket.close();
  await once(socket, 'close');
  await sleep(30);
}

describe.each(['127.0.0.1', '::1'])('three speakers at %s', (host) => {
  test('find each other; one that is gone is noticed in time, and one that leaves is not waited for', async () => {
    const [a, b, c] = await three(host);
    c.driver.stop();
    const took = await until(() => statusOf(a, 'c') === 'dead' && statusOf(b, 'c') === 'dead');
    // 430 ms on virtual time; here other tests share the processors, and a starved speaker takes its time.
    expect(took).toBeLessThan(1500);
    const again = await start('c', host, c.at.port);
    acquaint([a, b, again]);
    await until(() => allAlive([a, b, again]));
    await again.driver.leave();
    await until(() => statusOf(a, 'c') === 'left' && statusOf(b, 'c') === 'left');
  });

  test('payloads arrive, and digests that differ are told until they do not', async () => {
    const [a, b] = await three(host);
    for (let i = 0; i < 100; i++) a.driver.send('b', Uint8Array.of(i));
    const arrived = () =>
      new Set(b.reports.flatMap((report) => (report.kind === 'payload' ? [report.payload[0]] : [])));
    await until(() => arrived().size === 100);
    a.driver.setDigest(new Uint8Array(8).fill(1));
    await until(() => b.reports.some((report) => report.kind === 'digest-differs' && report.member.node === 'a'));
  });
});

describe('datagrams of others', () => {
  test('forged, replayed, truncated and wrong-key ones are counted, and nothing else happens', async () => {
    const [a, b, c] = await three('127.0.0.1');
    await sleep(300);
    const stranger = new Sealer(instanceFromBytes(systemRandom.bytes(16)), keyOf('another key'));
    const before = a.driver.members().map(({ instance }) => instance);
    const recorded = a.recorded.filter((bytes) => bytes[1] === FLAG_BOUND).slice(-8);
    expect(recorded.length).toBe(8);
    const forged = recorded.map((bytes) => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)));
    await inject(a.at, ...recorded);
    expect(a.driver.counters().dropped.replayed).toBe(8);
    // Their counters are used already, so they are given new ones.
    for (const bytes of forged) bytes[22] = 1;
    await inject(a.at, ...forged);
    expect(a.driver.counters().dropped.unauthentic).toBe(8);
    await inject(a.at, ...recorded.map((bytes) => bytes.subarray(0, 45)));
    expect(a.driver.counters().dropped['too-short']).toBe(8);
    const ping = {
      kind: 'ping',
      sequence: 1,
      state: { incarnation: 0, deaf: false, payloadDigest: new Uint8Array(8), memberDigest: 0 },
    } as const;
    await inject(a.at, stranger.seal([ping], a.driver.instance), stranger.seal([ping], undefined));
    expect(a.driver.counters().dropped['unknown-key']).toBe(2);
    const insider = new Sealer(instanceFromBytes(systemRandom.bytes(16)), KEYS);
    await inject(a.at, insider.seal([ping], undefined), insider.seal([ping], 'f'.repeat(32) as Instance));
    expect(a.driver.counters().dropped).toMatchObject({ unbound: 1, unauthentic: 9 });
    expect(a.driver.members().map(({ instance }) => instance)).toEqual(before);
    await until(() => allAlive([a, b, c]));
    expect(deathsAt([a, b, c])).toEqual([]);
  });

  test('nothing recorded is of use against a speaker that was started again', async () => {
    const [a, b, c] = await three('127.0.0.1');
    await sleep(200);
    a.driver.stop();
    b.driver.stop();
    c.driver.stop();
    const again = await start('a', '127.0.0.1', a.at.port);
    again.driver.setSeeds([
      { node: 'b', addresses: [b.at] },
      { node: 'c', addresses: [c.at] },
    ]);
    await inject(again.at, ...a.recorded);
    expect(again.driver.members()).toEqual([]);
    const { received, dropped } = again.driver.counters();
    expect(received).toBe(a.recorded.length);
    // All but the hellos, which are answered to nobody.
    expect(dropped.unauthentic).toBeGreaterThan(received - 20);
  });

  test('a flood of strangers drives no member out', async () => {
    const [a, b, c] = await three('127.0.0.1');
    const strangers = Array.from({ length: 3000 }, () => {
      const bytes = a.recorded[0]!.slice();
      bytes.set(systemRandom.bytes(16), 6);
      return bytes;
    });
    await inject(a.at, ...strangers);
    const { dropped } = a.driver.counters();
    // The kernel drops part of them.
    expect(dropped['over-budget'] + dropped.unauthentic).toBeGreaterThan(100);
    await until(() => allAlive([a, b, c]));
    expect(deathsAt([a, b, c])).toEqual([]);
  });

  test('keys are changed without a gap, and a speaker without the key is no member', async () => {
    const [a, b, c] = await three('127.0.0.1');
    const next = keyOf('the next key');
    for (const { driver } of [a, b, c]) driver.useKeys([...KEYS, ...next]);
    for (const { driver } of [a, b, c]) driver.useKeys([...next, ...KEYS]);
    await sleep(300);
    for (const { driver } of [a, b, c]) driver.useKeys(next);
    await sleep(500);
    await until(() => allAlive([a, b, c]));
    expect(deathsAt([a, b, c])).toEqual([]);
    const old = await start('old', '127.0.0.1');
    acquaint([a, b, c, old]);
    await sleep(200);
    expect(old.driver.members()).toEqual([]);
    expect(a.driver.counters().dropped['unknown-key']).toBeGreaterThan(0);
  });
});

test('a port that is taken is an error in words', async () => {
  const a = await start('a', '127.0.0.1');
  await expect(start('b', '127.0.0.1', a.at.port)).rejects.toThrow(/EADDRINUSE.*free the port/);
});
