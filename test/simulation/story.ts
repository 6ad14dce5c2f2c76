import { formatIpAddress } from '../../src/base/ip-address.ts';
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
    repair(world);
    world.run(5000);
  }
  return world;
}

const pick = <T>(world: World, items: readonly T[]): T | undefined =>
  items[Math.floor(world.random.fraction() * items.length)];

type Fault = (world: World) => void;

const FAULTS: readonly Fault[] = [
  function crash(world) {
    const name = pick(world, upOf(world));
    if (name === undefined) return;
    world.note(`${name} dies`);
    world.speaker(name).die();
    world.invariants.disturbed();
    if (world.random.fraction() < 0.5) world.time.after(2000 * world.random.fraction(), () => restart(world, name));
  },
  function terminate(world) {
    const name = pick(world, upOf(world));
    if (name === undefined) return;
    world.note(`${name} leaves`);
    world.speaker(name).leave(3000);
    world.invariants.disturbed();
  },
  function freeze(world) {
    const name = pick(world, upOf(world));
    const speaker = name === undefined ? undefined : world.speaker(name);
    if (speaker === undefined || speaker.state !== 'running') return;
    const pause = world.random.fraction() < 0.5 ? 300 * world.random.fraction() : 3000 * world.random.fraction();
    world.note(`${name} is frozen for ${pause.toFixed(0)} ms`);
    speaker.freeze();
    world.invariants.disturbed();
    world.time.after(pause, () => {
      speaker.thaw();
      world.note(`${name} thaws`);
      world.invariants.disturbed();
    });
  },
  function partition(world) {
    const left = world.names.filter(() => world.random.fraction() < 0.5);
    const right = world.names.filter((name) => !left.includes(name));
    world.note(`${left.join(', ')} | ${right.join(', ')}`);
    world.part(left, right);
  },
  function oneWay(world) {
    const from = pick(world, world.names)!;
    const to = pick(world, world.names)!;
    if (from === to) return;
    world.note(`${to} does not hear ${from}`);
    world.cut(from, to);
  },
  function deaf(world) {
    const name = pick(world, world.names)!;
    world.note(`${name} hears nobody`);
    world.deafen(name);
  },
  function badNetwork(world) {
    const loss = 0.15 * world.random.fraction();
    world.note(`loss ${loss.toFixed(2)}`);
    world.network.conditions = { loss, duplicate: 0.1, delay: [0.1, 30 * world.random.fraction() + 1] };
    world.invariants.disturbed();
  },
  function endpoints(world) {
    const truth = pick(world, [...world.truths.values()]);
    if (truth === undefined) return;
    world.note(`${formatIpAddress(truth.address)} ${truth.serving ? 'has no endpoints' : 'has endpoints'}`);
    world.tell(truth.address, { serving: !truth.serving });
  },
  function candidates(world) {
    const truth = pick(world, [...world.truths.values()]);
    if (truth === undefined) return;
    const able = world.names.filter(() => world.random.fraction() < 0.6);
    const list = able.map((node) =>
      candidate(node, { leaving: world.random.fraction() < 0.2, ready: world.random.fraction() < 0.8 }),
    );
    world.note(`${formatIpAddress(truth.address)} may be held by ${able.join(', ')}`);
    world.tell(truth.address, { candidates: list });
  },
  function move(world) {
    const truth = pick(world, [...world.truths.values()]);
    const name = pick(world, upOf(world));
    if (truth === undefined || name === undefined) return;
    const term = world.speaker(name).election.state(truth.address)?.holder?.term ?? 1;
    world.note(`move ${formatIpAddress(truth.address)} to ${name}, term ${term}`);
    world.tell(truth.address, { move: { to: name, term } });
  },
  function stale(world) {
    const name = pick(world, upOf(world));
    if (name === undefined || world.stale.has(name)) return;
    world.note(`the API is away for ${name}`);
    world.stale.set(name, world.time.now);
    world.speaker(name).apiView(1);
    world.invariants.disturbed();
  },
  function comeAndGo(world) {
    const truth = pick(world, [...world.truths.values()]);
    if (truth !== undefined && world.random.fraction() < 0.5) {
      world.note(`${formatIpAddress(truth.address)} is deleted`);
      world.remove(truth.address);
    } else {
      const number = 50 + Math.floor(world.random.fraction() * 10);
      world.note(`${formatIpAddress(vip(number))} is new`);
      world.tell(vip(number));
    }
  },
  function unplug(world) {
    const name = pick(world, upOf(world));
    if (name === undefined) return;
    world.note(`${name} loses carrier on the link of the addresses`);
    world.unplugged.add(name);
    world.tellLink(name);
    world.invariants.disturbed();
  },
];

function disturb(world: World): void {
  pick(world, FAULTS)!(world);
}

const upOf = (world: World): readonly string[] => world.names.filter((name) => world.isUp(name));

function restart(world: World, name: string): void {
  if (world.isUp(name)) return;
  world.note(`${name} starts`);
  world.start(name);
}

function repair(world: World): void {
  world.note('all is repaired');
  world.network.conditions = { ...GOOD_NETWORK, delay: [0.1, 2] };
  world.mendAll();
  for (const name of [...world.stale.keys()]) world.freshen(name);
  for (const name of [...world.unplugged]) {
    world.unplugged.delete(name);
    world.tellLink(name);
  }
  for (const truth of world.truths.values())
    world.tell(truth.address, {
      serving: true,
      candidates: world.names.map((node) => candidate(node)),
      move: undefined,
    });
  for (const name of world.names) if (world.random.fraction() < 0.8) restart(world, name);
  if (upOf(world).length === 0) restart(world, world.names[0]!);
  world.invariants.disturbed();
}
