import { type Milliseconds, machineTime, ms, seconds, systemClock } from '../../base/clock.ts';
import type { ClusterAddress, ClusterStatus } from '../../status/cluster-status.ts';
import type { Sighting } from '../capture.ts';
import { Feed } from '../feed.ts';
import { type PingResult, startPing } from '../ping.ts';
import { type Daemon, type LogLine, startDaemon } from './daemon.ts';
import { WEB4, WEB6 } from './manifests.ts';
import { stepFailed } from './promises.ts';
import { NODES, nodeAt, nodeMac, type World } from './world.ts';

/** The controller and the speakers of the second half of the story, and what is seen of who holds what. */
export interface Holding {
  readonly address: string;
  readonly node: string;
  readonly term: number;
}

/** A claim that a speaker has written to its log. */
interface Claimed extends Holding {
  readonly at: number;
}

/** After the work of a scene: whatever it set off shows in this time. */
const AFTERMATH = ms(300);
const PING_EVERY = ms(5);

export class Cluster {
  readonly claims = new Feed<Claimed>();
  readonly #world: World;
  readonly #daemons: Daemon[];
  readonly #speakers = new Map<string, Daemon>();

  constructor(world: World, daemons: Daemon[]) {
    this.#world = world;
    this.#daemons = daemons;
  }

  async startController(): Promise<void> {
    const { lab, folder, program } = this.#world;
    const { daemon } = await startDaemon({ lab, command: 'controller', node: 'node-a', folder, program });
    this.#daemons.push(daemon);
  }

  async startSpeaker(node: string): Promise<void> {
    const { lab, folder, program } = this.#world;
    const onLine = ({ at, msg, address, term }: LogLine): void => {
      if (msg === 'address claimed' && address !== undefined && term !== undefined)
        this.claims.push({ at, node, address, term });
    };
    const { daemon } = await startDaemon({ lab, command: 'speaker', node, folder, program, onLine });
    this.#daemons.push(daemon);
    this.#speakers.set(node, daemon);
  }

  /** Starts again what a scene has ended, so that there is something to play on with. */
  async startMissing(): Promise<void> {
    await Promise.all(
      NODES.filter((node) => !this.runningNodes().includes(node)).map((node) => this.startSpeaker(node)),
    );
    await this.settled();
  }

  runningNodes(): readonly string[] {
    return NODES.filter((node) => this.speaker(node).running());
  }

  speaker(node: string): Daemon {
    const daemon = this.#speakers.get(node);
    if (daemon === undefined) throw stepFailed(`no speaker was started on ${node}`);
    return daemon;
  }

  /** What `clarion ...` prints in the folder of the story; throws when it ends with another code than 0. */
  clarion(...words: readonly string[]): Promise<string> {
    const { lab, folder, program } = this.#world;
    return lab.run(undefined, [...program, ...words, '--directory', folder], undefined, seconds(30));
  }

  /**
   * Waits until these speakers see each other, and of each address that is served one of them is the holder and all agree.
   * Throws (exit 1) when that does not come about.
   */
  async settled(nodes: readonly string[] = NODES, limit: Milliseconds = seconds(20)): Promise<readonly Holding[]> {
    const end = machineTime() + limit;
    for (;;) {
      const status = JSON.parse(await this.clarion('status', '-o', 'json')) as ClusterStatus;
      const missing = unsettled(status, nodes);
      if (missing === undefined)
        return served(status).map(({ address, holder = '', term = 0 }) => ({ address, node: holder, term }));
      if (machineTime() > end) throw stepFailed(`waited ${limit / 1000} s for the speakers to agree: ${missing}`);
      await new Promise<void>((resolve) => void systemClock.startTimer('look again', ms(100), resolve));
    }
  }

  async holderOf(address: string): Promise<string> {
    const holding = (await this.settled()).find((one) => one.address === address);
    if (holding === undefined) throw stepFailed(`nobody holds ${address}`);
    return holding.node;
  }

  /** The first announcement of the address by another node than this one, on the wire, with the term that its log says. */
  async takenOver(address: string, from: string, marks: Marks, limit = seconds(10)): Promise<Claimed> {
    const frame = await this.#world.wire.seen.first(
      `another node than ${from} announces ${address}`,
      marks.wire,
      limit,
      (seen) => isOurs(seen, address) && seen.what === 'announcement' && seen.mac !== nodeMac(from),
    );
    const node = nodeAt(frame.mac) ?? frame.mac;
    const claim = await this.claims.first(
      `${node} says that it claims ${address}`,
      marks.claims,
      limit,
      (one) => one.address === address && one.node === node,
    );
    return { ...claim, at: frame.at };
  }

  marks(): Marks {
    return { wire: this.#world.wire.seen.mark(), claims: this.claims.mark() };
  }

  /** Frames with which this node answered for, or announced, one of the addresses since. */
  framesOf(node: string, addresses: readonly string[], { wire }: Marks): readonly Sighting[] {
    return this.#world.wire.seen
      .since(wire)
      .filter(
        (seen) => seen.mac === nodeMac(node) && addresses.some((address) => isOurs(seen, address)) && isClaim(seen),
      );
  }

  /** The client (or another host) pings the address every 5 ms while the work is done and a little longer. */
  async pinged<T>(
    address: string,
    work: () => Promise<T>,
    host = 'client',
  ): Promise<{ readonly done: T; readonly ping: PingResult }> {
    const ping = await startPing(this.#world.lab, host, address, PING_EVERY);
    try {
      const done = await work();
      await new Promise<void>((resolve) => void systemClock.startTimer('aftermath', AFTERMATH, resolve));
      await ping.answered();
      return { done, ping: await ping.stop() };
    } catch (thrown) {
      // What went wrong first is what is told.
      await ping.stop().catch(() => {});
      throw thrown;
    }
  }
}

export interface Marks {
  readonly wire: number;
  readonly claims: number;
}

export const VIPS = [WEB4, WEB6];

const isOurs = ({ address, mac }: Sighting, asked: string): boolean => address === asked && nodeAt(mac) !== undefined;
const isClaim = ({ what }: Sighting): boolean => what === 'answer' || what === 'announcement';
const served = ({ addresses }: ClusterStatus): readonly ClusterAddress[] =>
  addresses.filter(({ address }) => VIPS.includes(address));

/** What is not yet as it should be, in words. */
function unsettled(status: ClusterStatus, nodes: readonly string[]): string | undefined {
  const silent = nodes.filter((name) => status.nodes.find(({ node }) => node === name)?.answers !== true);
  if (silent.length > 0) return `${silent.join(', ')} does not answer`;
  for (const name of nodes) {
    const words = status.members.filter(
      ({ node, seenBy }) => node === name && seenBy.some((other) => nodes.includes(other)),
    );
    if (nodes.length > 1 && (words.length === 0 || words.some((word) => word.status !== 'alive')))
      return `${name} is not a member for all`;
  }
  for (const address of VIPS) {
    const found = status.addresses.find((one) => one.address === address);
    if (found?.state !== 'announced') return `${address} is ${found?.state ?? 'not there'}`;
    if (found.alsoHeldBy !== undefined || found.handingOver !== undefined)
      return `${address} has holders ${[found.holder, ...(found.alsoHeldBy ?? [])].join(' and ')}`;
  }
  return undefined;
}

/** "node-b 192.0.2.200 (term 3), node-c 2001:db8:2::200 (term 1)". */
export function holdingsText(holdings: readonly Holding[]): string {
  const nodes = [...new Set(holdings.map(({ node }) => node))];
  return nodes
    .map((node) => {
      const held = holdings.filter((one) => one.node === node);
      const terms = new Set(held.map(({ term }) => term));
      if (terms.size === 1)
        return `${node} holds ${held.map(({ address }) => address).join(' and ')} since term ${held[0]?.term}`;
      return `${node} holds ${held.map(({ address, term }) => `${address} since term ${term}`).join(' and ')}`;
    })
    .join(', ');
}

/** How many of the addresses have another holder. */
export const movedBetween = (before: readonly Holding[], after: readonly Holding[]): number =>
  after.filter(({ address, node }) => before.some((one) => one.address === address && one.node !== node)).length;
