import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WriteQueue } from '../../src/network/write-queue.ts';

/** A kernel that takes as many octets as `takes` says, call by call, then no more. */
function kernel(takes: readonly number[]) {
  const taken: number[] = [];
  const left = [...takes];
  const send = (parts: readonly Uint8Array[], from: number, skip: number): number => {
    const most = left.shift();
    if (most === undefined) return -11;
    const given = parts.slice(from, from + 3).flatMap((part, i) => [...part.subarray(i === 0 ? skip : 0)]);
    taken.push(...given.slice(0, most));
    return Math.min(most, given.length);
  };
  return { send, taken };
}

test('whatever the kernel takes at a time, every octet goes out once and in order', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(fc.record({ parts, takes: fc.array(fc.integer({ min: 1, max: 30 })) })), (turns) => {
      const queue = new WriteQueue();
      const taken: number[] = [];
      for (const turn of turns) {
        queue.add(turn.parts);
        const { send, taken: now } = kernel(turn.takes);
        const result = queue.flush(send);
        taken.push(...now);
        expect(result).toBe(queue.size === 0 ? 0 : -11);
      }
      const all = turns.flatMap((turn) => turn.parts.flatMap((part) => [...part]));
      expect(queue.size).toBe(all.length - taken.length);
      const rest = kernel(Array.from({ length: all.length + 1 }, () => 1000));
      queue.flush(rest.send);
      expect([...taken, ...rest.taken]).toEqual(all);
    }),
  );
});

test('a long queue gives back what is sent', () => {
  const queue = new WriteQueue();
  queue.add(Array.from({ length: 5000 }, () => new Uint8Array(10)));
  let calls = 0;
  const result = queue.flush((parts) => {
    calls++;
    if (calls > 400) expect(parts.length).toBeLessThan(4000);
    return calls > 450 ? -11 : 100;
  });
  expect([result, queue.size]).toEqual([-11, 5000]);
});

test('cleared, it has nothing', () => {
  const queue = new WriteQueue();
  queue.add([new Uint8Array(10)]);
  queue.clear();
  expect(queue.size).toBe(0);
  expect(queue.flush(() => expect.unreachable())).toBe(0);
});
