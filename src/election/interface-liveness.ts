import { type Milliseconds, ms } from '../base/clock.ts';
import { type IpAddress, isLinkLocalIpv6, sameIpAddress } from '../base/ip-address.ts';
import { prefixCovers, prefixOf } from '../base/prefix.ts';
import type { FactInterface } from './facts.ts';

/**
 * Whether an interface reaches anybody. Membership finds out only about the link that carries the nodes' addresses; where
 * addresses are held on another one, its silent cut would go unnoticed. So the members ask each other there, by a datagram
 * sent from that interface, and every sign of life counts: an answer, a question, a frame of anybody.
 *
 * Silence alone does not tell whose link is cut. That is why a dead interface only counts less (facts.ts, `cut`): the address
 * moves if another candidate's interface reaches somebody, and stays if nobody's does.
 */
export interface LivenessSettings {
  /** Everybody there is asked once in this time, at most `MOST_ASKED` of them. */
  readonly period: Milliseconds;
  /** Silent for so long: dead. */
  readonly limit: Milliseconds;
  /** Heard again for so long: alive. */
  readonly recovery: Milliseconds;
}

export const DEFAULT_LIVENESS: LivenessSettings = { period: ms(100), limit: ms(400), recovery: ms(1000) };
const MOST_ASKED = 3;

export interface Question {
  readonly interfaceName: string;
  readonly to: IpAddress;
}

interface Watched {
  readonly targets: readonly IpAddress[];
  alive: boolean;
  lastSign: Milliseconds;
  /** Since when signs come without a pause; counts while it is dead. */
  signsSince: Milliseconds | undefined;
  next: number;
}

export class InterfaceLiveness {
  readonly #settings: LivenessSettings;
  readonly #watched = new Map<string, Watched>();

  constructor(settings: LivenessSettings) {
    this.#settings = settings;
  }

  /**
   * Which of our interfaces matter, and what the living members say of theirs. Peers are asked at their addresses in our
   * subnets; where nobody has one, nothing can be said, and the interface counts as alive.
   */
  watch(own: readonly FactInterface[], peers: readonly (readonly FactInterface[])[], now: Milliseconds): void {
    const gone = new Set(this.#watched.keys());
    for (const link of own) {
      gone.delete(link.name);
      const targets = peers.flatMap((links) => neighbours(link, links));
      const before = this.#watched.get(link.name);
      if (before !== undefined && sameAddresses(before.targets, targets)) continue;
      // Time to answer for those who were not asked before.
      const lastSign = before === undefined || before.targets.length === 0 ? now : before.lastSign;
      const { alive = true, signsSince, next = 0 } = before ?? {};
      this.#watched.set(link.name, { targets, alive: alive || targets.length === 0, lastSign, signsSince, next });
    }
    for (const name of gone) this.#watched.delete(name);
  }

  /** Once each period. `changed`: some interface is dead or alive that was not. */
  tick(now: Milliseconds): { readonly questions: readonly Question[]; readonly changed: boolean } {
    const questions: Question[] = [];
    let changed = false;
    for (const [interfaceName, watched] of this.#watched) {
      const { targets } = watched;
      const silent = targets.length > 0 && now - watched.lastSign > this.#settings.limit;
      if (silent) watched.signsSince = undefined;
      if (silent && watched.alive) {
        watched.alive = false;
        changed = true;
      }
      for (let i = 0; i < Math.min(MOST_ASKED, targets.length); i++)
        questions.push({ interfaceName, to: targets[watched.next++ % targets.length]! });
    }
    return { questions, changed };
  }

  /** Anybody else was heard there. True: it is alive again. */
  sign(interfaceName: string, now: Milliseconds): boolean {
    const watched = this.#watched.get(interfaceName);
    if (watched === undefined) return false;
    watched.lastSign = now;
    if (watched.alive) return false;
    watched.signsSince ??= now;
    if (now - watched.signsSince < this.#settings.recovery) return false;
    watched.alive = true;
    return true;
  }

  isAlive(interfaceName: string): boolean {
    return this.#watched.get(interfaceName)?.alive ?? true;
  }
}

const neighbours = (own: FactInterface, links: readonly FactInterface[]): readonly IpAddress[] =>
  links
    .filter(({ up }) => up)
    .flatMap(({ addresses }) => addresses)
    .map(({ address }) => address)
    // Every interface has fe80::/64, so it says nothing of who is on which link.
    .filter((address) => !isLinkLocalIpv6(address))
    .filter((address) =>
      own.addresses.some(
        ({ address: ours, prefixLength }) =>
          !sameIpAddress(ours, address) && prefixCovers(prefixOf(ours, prefixLength), address),
      ),
    )
    .slice(0, 1);

const sameAddresses = (a: readonly IpAddress[], b: readonly IpAddress[]): boolean =>
  a.length === b.length && a.every((address, i) => sameIpAddress(address, b[i]!));
