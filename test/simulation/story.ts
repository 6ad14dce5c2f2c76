import { FAULTS, pick, plugIn, restart, upOf } from './faults.ts';
import { GOOD_NETWORK } from './network-model.ts';
import { candidate, vip, World } from './world.ts';

/** A random life of a small cluster: what may happen happens, at times in heaps; in between there is calm, in which everything must be right again. */
export interface Story {
  readonly seed: number;
  readonly nodes: number;
  readonly addresses: number;
  readonly acts: number;
}

export function storyOf(seed: number): Story {
  return { seed, nodes: 2 + (seed % 4), addresses: 4 + (seed % 5), acts: 6 };
}

/** Throws where an invariant is hurt. */
export function play({ seed, nodes, addresses, acts }: Story): World {
  const world = new World(seed, nodes);
  const { random } = world;
  const rebalance = random.fraction() < 0.1;
  if (rebalance) world.rebalancePerMinute = 60 * 10 ** random.fraction();
  for (let i = 0; i < addresses; i++) world.tell(vip(i));
  const together = random.fraction() < 0.7;
  for (const name of world.names)
    world.time.after(together ? 200 * random.fraction() : 4000 * random.fraction(), () => world.start(name));
  world.run(together ? 5000 : 9000);
  for (let act = 0; act < acts; act++) {
    const count = random.fraction() < 0.6 ? 1 : 2 + Math.floor(random.fraction() * 2);
    for (let i = 0; i < count; i++) {
      disturb(world);
      world.run(random.fraction() < 0.5 ? 400 * random.fraction() : 3000 * random.fraction());
    }
    if (random.fraction() < 0.3) world.run(8000);
    // An old view of the API matters only when it is old.
    if (world.stale.size > 0 && random.fraction() < 0.4) world.run(10_000 + 10_000 * random.fraction());
    repair(world);
    world.run(rebalance ? 16_000 : 5000);
  }
  return world;
}

function disturb(world: World): void {
  pick(world, FAULTS)!(world);
}

function repair(world: World): void {
  world.note('all is repaired');
  world.conditions = { ...GOOD_NETWORK, delay: [0.1, 2] };
  world.mendAll();
  for (const name of [...world.stale.keys()]) world.freshen(name);
  for (const name of [...world.unplugged]) plugIn(world, name);
  world.unhealthy.clear();
  for (const truth of world.truths.values())
    world.tell(truth.address, {
      serving: true,
      candidates: world.names.map((node) => candidate(node)),
      move: undefined,
      parting: 'soft',
      verify: false,
    });
  for (const name of world.names) if (world.random.fraction() < 0.8) restart(world, name);
  if (upOf(world).length === 0) restart(world, world.names[0]!);
  world.invariants.disturbed();
}
