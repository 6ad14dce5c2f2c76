import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { Speaker } from './speaker.ts';
import { candidate, type Truth, vip, type World } from './world.ts';

/** What may happen to a cluster. Each does one thing, now or a little later, and notes it; `repair` of story.ts ends it at the latest. */
type Fault = (world: World) => void;

export const pick = <T>(world: World, items: readonly T[]): T | undefined =>
  items[Math.floor(world.random.fraction() * items.length)];

export const FAULTS: readonly Fault[] = [
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
    freezeFor(world, speaker, anyPause(world));
  },
  function jump(world) {
    const name = pick(world, upOf(world));
    if (name === undefined) return;
    const by = anyPause(world);
    world.note(`the clock of ${name} jumps ahead by ${by.toFixed(0)} ms`);
    world.speaker(name).jump(by);
    world.invariants.disturbed();
  },
  /** Giver or taker does not run for a moment while an offer is under way. */
  function sleepInHandOver(world) {
    const truth = pick(world, [...world.truths.values()]);
    const [giver] = truth === undefined ? [] : world.answeringFor(truth.address);
    const taker = pick(
      world,
      upOf(world).filter((name) => name !== giver),
    );
    if (truth === undefined || giver === undefined || taker === undefined) return;
    askForMove(world, truth, taker);
    const sleeper = world.random.fraction() < 0.5 ? giver : taker;
    world.time.after(60 * world.random.fraction(), () => {
      if (world.random.fraction() < 0.5) freezeFor(world, world.speaker(sleeper), anyPause(world));
      else {
        const by = anyPause(world);
        world.note(`the clock of ${sleeper} jumps ahead by ${by.toFixed(0)} ms`);
        world.speaker(sleeper).jump(by);
        world.invariants.disturbed();
      }
    });
  },
  function restartAll(world) {
    world.note('all nodes lose power and come back');
    for (const name of upOf(world)) {
      world.speaker(name).die();
      world.time.after(500 * world.random.fraction(), () => restart(world, name));
    }
    world.invariants.disturbed();
  },
  function drain(world) {
    const name = pick(world, upOf(world));
    if (name === undefined) return;
    const parting = world.random.fraction() < 0.8 ? 'soft' : 'hard';
    world.note(`${name} is drained (${parting})`);
    for (const truth of world.truths.values())
      world.tell(truth.address, { parting, candidates: truth.candidates.filter(({ node }) => node !== name) });
  },
  function verify(world) {
    world.unhealthy.clear();
    for (const name of world.names) if (world.random.fraction() < 0.5) world.unhealthy.add(name);
    world.note(`health checks count, and say no on ${[...world.unhealthy].join(', ')}`);
    for (const truth of world.truths.values()) world.tell(truth.address, { verify: true });
    world.time.after(4000 * world.random.fraction(), () => {
      world.unhealthy.clear();
      world.note('health checks say yes');
    });
  },
  function partition(world) {
    const left = world.names.filter(() => world.random.fraction() < 0.5);
    const right = world.names.filter((name) => !left.includes(name));
    world.note(`${left.join(', ')} | ${right.join(', ')}`);
    world.part(left, right);
  },
  function onePartyDeaf(world) {
    const left = world.names.filter(() => world.random.fraction() < 0.5);
    const right = world.names.filter((name) => !left.includes(name));
    world.note(`${right.join(', ')} do not hear ${left.join(', ')}`);
    for (const from of left) for (const to of right) world.cut(from, to);
  },
  function unheard(world) {
    const name = pick(world, world.names)!;
    world.note(`nobody hears ${name}`);
    for (const other of world.names) if (other !== name) world.cut(name, other);
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
    world.conditions = { loss, duplicate: 0.1, delay: [0.1, 30 * world.random.fraction() + 1] };
  },
  function duplicates(world) {
    world.note('every datagram comes twice');
    world.conditions = { loss: 0.02 * world.random.fraction(), duplicate: 1, delay: [0.1, 15] };
  },
  function endpoints(world) {
    const truth = pick(world, [...world.truths.values()]);
    if (truth === undefined) return;
    world.note(`${formatIpAddress(truth.address)} ${truth.serving ? 'has no endpoints' : 'has endpoints'}`);
    world.tell(truth.address, { serving: !truth.serving }, lagOf(world));
  },
  function candidates(world) {
    const truth = pick(world, [...world.truths.values()]);
    if (truth === undefined) return;
    const able = world.names.filter(() => world.random.fraction() < 0.6);
    const list = able.map((node) =>
      candidate(node, { leaving: world.random.fraction() < 0.2, ready: world.random.fraction() < 0.8 }),
    );
    world.note(`${formatIpAddress(truth.address)} may be held by ${able.join(', ')}`);
    world.tell(
      truth.address,
      { candidates: list, parting: world.random.fraction() < 0.7 ? 'soft' : 'hard' },
      lagOf(world),
    );
  },
  function move(world) {
    const truth = pick(world, [...world.truths.values()]);
    const name = pick(world, upOf(world));
    if (truth === undefined || name === undefined) return;
    askForMove(world, truth, name);
  },
  function stale(world) {
    const name = pick(world, upOf(world));
    if (name === undefined || world.stale.has(name)) return;
    world.note(`the API is away for ${name}`);
    world.stale.set(name, world.time.now);
    world.speaker(name).apiView(1);
    world.invariants.disturbed();
    if (world.random.fraction() < 0.5) world.time.after(30_000 * world.random.fraction(), () => world.freshen(name));
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
    if (world.random.fraction() < 0.5) world.time.after(3000 * world.random.fraction(), () => plugIn(world, name));
  },
];

/** Of every size: most are too short to be noticed, or just long enough; a few are minutes. */
const anyPause = (world: World): number => 5 * 10 ** (3.5 * world.random.fraction());

/** Shorter than the calm of the invariants, so that they are not looked at before everybody has heard. */
const LONGEST_LAG = 2000;

/** Nodes learn of a change at different times, at times much later. */
const lagOf = (world: World): number => (world.random.fraction() < 0.8 ? 50 : LONGEST_LAG);

function freezeFor(world: World, speaker: Speaker, pause: number): void {
  if (speaker.state !== 'running') return;
  world.note(`${speaker.node} is frozen for ${pause.toFixed(0)} ms`);
  speaker.freeze();
  world.invariants.disturbed();
  world.time.after(pause, () => {
    if (speaker.state !== 'frozen') return;
    speaker.thaw();
    world.note(`${speaker.node} thaws`);
    world.invariants.disturbed();
  });
}

function askForMove(world: World, truth: Truth, to: string): void {
  const term = world.speaker(to).election.state(truth.address)?.holder?.term ?? 1;
  world.note(`move ${formatIpAddress(truth.address)} to ${to}, term ${term}`);
  world.tell(truth.address, { move: { to, term } });
}

export const upOf = (world: World): readonly string[] => world.names.filter((name) => world.isUp(name));

export function restart(world: World, name: string): void {
  if (world.isUp(name)) return;
  world.note(`${name} starts`);
  world.start(name);
}

export function plugIn(world: World, name: string): void {
  if (!world.unplugged.delete(name)) return;
  world.note(`${name} has carrier again`);
  world.tellLink(name);
  world.invariants.disturbed();
}
