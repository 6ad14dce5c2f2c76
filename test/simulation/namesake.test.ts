import { expect, test } from 'vitest';
import { addressOf } from './membership-node.ts';
import { NodeClock } from './node-clock.ts';
import { Speaker } from './speaker.ts';
import { vip, World } from './world.ts';

/** Two live processes with one node name: the one that came first keeps it, and all that it holds. */
test.each([2, 3, 5])('%i nodes: who comes later under a name that is taken holds nothing until it is free', (count) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(seed, count);
    for (let i = 0; i < 8; i++) world.tell(vip(i));
    world.startAll();
    world.run(5000);
    const before = [...world.truths.values()].map(({ address }) => world.answeringFor(address).join());
    const later = new Speaker({
      node: 'node-1',
      number: 9,
      count,
      seed: 77 + seed,
      time: new NodeClock(world.time, 1234),
      network: world.network,
      // Both take what the Node by their name has for their own.
      addresses: [addressOf(1)],
      rebalancePerMinute: undefined,
      check: () => undefined,
      onPause: () => undefined,
      onEffect: () => undefined,
    });
    later.want([...world.truths.values()].map((truth) => world.wantedBy('node-1', truth)));
    if (seed % 2 === 0) world.conditions = { loss: 0.05, duplicate: 0.05, delay: [0.1, 5] };
    for (let step = 0; step < 1000; step++) {
      world.run(20);
      expect([...later.held], `seed ${seed}`).toEqual([]);
    }
    expect(later.election.progress().phase).toBe('starting');
    expect([...world.truths.values()].map(({ address }) => world.answeringFor(address).join())).toEqual(before);
    world.speaker('node-1').die();
    world.strangers = true;
    for (const name of world.names) world.tellLink(name);
    world.run(8000);
    expect(later.election.progress().phase, `seed ${seed}`).toBe('settled');
  }
});
