import { describe, expect, test } from 'vitest';
import type { Addon, Poller } from '../../src/network/addon.ts';
import { InterfaceMonitor } from '../../src/network/interface-monitor.ts';
import { encodeMessage } from '../../src/network/netlink/message.ts';
import { expectValue } from './contract.ts';

/** What the real kernel does too seldom for a test: interrupted and failing dumps, lost events, foreign senders. */
const [EAGAIN, ENOBUFS, EBUSY] = [-11, -105, -16];
const [DONE, NEWLINK, INTERRUPTED] = [3, 16, 0x10];

interface Datagram {
  readonly bytes: Uint8Array;
  readonly from?: number;
}
const datagram = (type: number, body: Uint8Array, flags = 0): Datagram => ({
  bytes: encodeMessage({ type, flags, sequence: 1, body }),
});
const link = (index: number, flags = 0): Datagram => {
  const body = Buffer.alloc(16 + 8);
  body.writeUInt16LE(1, 2);
  body.writeInt32LE(index, 4);
  body.writeUInt32LE(0x1_0043, 8);
  body.writeUInt16LE(6, 16);
  body.writeUInt16LE(3, 18);
  body.write('e', 20);
  return datagram(NEWLINK, body, flags);
};
const end = (error = 0): Datagram => {
  const body = Buffer.alloc(4);
  body.writeInt32LE(error);
  return datagram(DONE, body);
};

/** A kernel whose dumps of links are given one by one (the last for ever); of addresses there are none. */
function kernel(...dumps: readonly (readonly Datagram[])[]) {
  const state = {
    open: 0,
    dumps: 0,
    events: [] as (Datagram | number)[],
    poll: (_error: number, _events: number): void => {},
  };
  const [EVENTS, DUMPS] = [1, 2];
  let answer: Datagram[] = [];
  const addon: Partial<Addon> = {
    socket: () => ++state.open,
    close: () => {
      state.open--;
      return 0;
    },
    bind: () => 0,
    setsockopt: () => 0,
    getsockopt: () => 0,
    send: (fd, request) => {
      expect(fd).toBe(DUMPS);
      const links = request[4] === 18;
      answer = links ? [...(dumps[Math.min(state.dumps++, dumps.length - 1)] ?? [])] : [end()];
      return request.length;
    },
    receive: (fd, into, from) => {
      const next = fd === EVENTS ? state.events.shift() : answer.shift();
      if (next === undefined) return EAGAIN;
      if (typeof next === 'number') return next;
      into.set(next.bytes.subarray(0, into.length));
      new DataView(from!.buffer).setUint32(4, next.from ?? 0, true);
      return next.bytes.length;
    },
    startPolling: (_fd, callback) => {
      state.poll = callback;
      return { __brand: 'poller' } satisfies Poller;
    },
    stopPolling: () => {},
  };
  let changes = 0;
  const removed: number[] = [];
  const opened = InterfaceMonitor.open(addon as Addon, {
    changed: () => {
      changes++;
    },
    removed: (index) => removed.push(index),
  });
  const indexes = (): number[] =>
    expectValue(opened)
      .list()
      .map(({ index }) => index);
  return { state, opened, indexes, removed, changes: () => changes };
}

describe('interface monitor', () => {
  test('an interrupted dump is repeated', () => {
    const { state, indexes } = kernel([link(1, INTERRUPTED), end()], [link(1), link(2), end()]);
    expect({ dumps: state.dumps, indexes: indexes() }).toEqual({ dumps: 2, indexes: [1, 2] });
  });

  test('one that is interrupted every time is believed in the end', () => {
    const { state, indexes } = kernel([link(7, INTERRUPTED), end()]);
    expect({ dumps: state.dumps, indexes: indexes() }).toEqual({ dumps: 16, indexes: [7] });
  });

  test('a dump may end with an error: a value, and nothing stays open', () => {
    const { state, opened } = kernel([link(1), end(EBUSY)]);
    expect(opened).toMatchObject({ ok: false, error: { code: 'EBUSY' } });
    expect(state.open).toBe(0);
  });

  test('a dump that stops in the middle is an error too', () => {
    expect(kernel([link(1)]).opened).toMatchObject({ ok: false, error: { code: 'EAGAIN' } });
  });

  test.each([
    ['told while waiting', ENOBUFS, []],
    ['told while reading', 0, [ENOBUFS]],
    ['a datagram longer than any', 0, [{ bytes: new Uint8Array(70_000) }]],
  ])('lost events, %s: everything is dumped again, and what vanished is told', (_, error, events) => {
    const { state, indexes, removed, changes } = kernel([link(1), link(2), end()], [link(2), link(3), end()]);
    state.events.push(...events);
    state.poll(error, 1);
    expect({ indexes: indexes(), removed, changes: changes() }).toEqual({ indexes: [2, 3], removed: [1], changes: 1 });
  });

  test('when that dump fails the list stays, and the next event tries again', () => {
    const { state, indexes, changes } = kernel([link(1), end()], [end(EBUSY)], [link(4), end()]);
    state.poll(ENOBUFS, 1);
    expect({ indexes: indexes(), changes: changes() }).toEqual({ indexes: [1], changes: 0 });
    state.poll(0, 1);
    expect({ indexes: indexes(), changes: changes() }).toEqual({ indexes: [4], changes: 1 });
  });

  test('what another process sends is not believed', () => {
    const { state, indexes, changes } = kernel([link(1), end()]);
    state.events.push({ ...link(9), from: 4711 });
    state.poll(0, 1);
    expect({ indexes: indexes(), changes: changes() }).toEqual({ indexes: [1], changes: 0 });
  });

  test('a burst is told once; one that changes nothing, not at all', () => {
    const { state, indexes, changes } = kernel([link(1), end()]);
    state.events.push(link(2), link(3), link(2));
    state.poll(0, 1);
    expect({ indexes: indexes(), changes: changes() }).toEqual({ indexes: [1, 2, 3], changes: 1 });
    state.events.push(link(3));
    state.poll(0, 1);
    expect(changes()).toBe(1);
  });
});
