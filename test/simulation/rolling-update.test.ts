import { describe, expect, test } from 'vitest';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { decodeMessages, encodeMessages } from '../../src/membership/wire/codec.ts';
import { MESSAGE_HEADER } from '../../src/membership/wire/constants.ts';
import type { Message } from '../../src/membership/wire/message.ts';
import { seeds } from './seeds.ts';
import { vip, World } from './world.ts';

/**
 * A rolling update: speakers of this version and of a later one are members of one cluster. A later one may put fields behind those
 * that are known, also in what it says of claims, and messages of kinds that nobody has heard of; it may change nothing else
 * (recorded datagrams and messages of version 1: test/membership/wire.test.ts, test/election/wire.test.ts).
 */
const MORE = Uint8Array.of(1, 2, 3);
const UNKNOWN_KIND = Uint8Array.of(200, 0, 2, 7, 7);

function asLaterVersion(messages: readonly Message[]): Uint8Array {
  const known = encodeMessages(messages);
  const parts: Uint8Array[] = [UNKNOWN_KIND];
  for (let at = 0; at < known.length; ) {
    const length = known[at + 1]! * 256 + known[at + 2]!;
    const body = known.subarray(at + MESSAGE_HEADER, at + MESSAGE_HEADER + length);
    const longer = length + MORE.length;
    parts.push(Uint8Array.of(known[at]!, longer >> 8, longer & 255), body, MORE);
    at += MESSAGE_HEADER + length;
  }
  return Buffer.concat(parts);
}

/** All datagrams cross the wire format, those of `later` in that of a later version. */
function withVersions(world: World, later: ReadonlySet<string>): void {
  const { network } = world;
  const send = network.send.bind(network);
  network.send = (from, to, datagram) => {
    const bytes = later.has(from) ? asLaterVersion(datagram.messages) : encodeMessages(datagram.messages);
    const read = decodeMessages(bytes);
    expect(read.ok, `from ${from}: ${read.ok ? '' : read.error}`).toBe(true);
    if (read.ok) send(from, to, { ...datagram, messages: read.value });
  };
}

const holders = (world: World): readonly string[] =>
  [...world.truths.values()].map(
    ({ address }) => `${formatIpAddress(address)} ${world.answeringFor(address).join(' and ')}`,
  );

describe('a rolling update', () => {
  test('older and later speakers elect, hand over and fail over together', () => {
    for (const seed of seeds(0.05)) {
      const world = new World(seed, 4);
      const later = new Set<string>();
      withVersions(world, later);
      for (let i = 0; i < 12; i++) world.tell(vip(i));
      world.startAll();
      world.run(5000);
      for (const name of world.names) {
        world.note(`${name} is updated`);
        world.speaker(name).leave(3000);
        world.invariants.disturbed();
        world.run(1000);
        later.add(name);
        world.start(name);
        world.run(5000);
        for (const { node, election } of world.speakers.values())
          expect(election.progress(), `seed ${seed}: ${node}`).toMatchObject({ phase: 'settled', weak: false });
        const before = holders(world);
        const [leader] = world.names.filter((other) => world.speaker(other).answering.size > 0);
        world.note(`${leader} loses its power and returns`);
        world.speaker(leader!).die();
        world.invariants.disturbed();
        world.run(1000);
        expect(holders(world), `seed ${seed}`).not.toEqual(before);
        world.start(leader!);
        world.run(5000);
      }
    }
  });
});
