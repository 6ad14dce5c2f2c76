import { type Clock, type Milliseconds, seconds, type Timer } from '../../base/clock.ts';
import {
  compareIpAddress,
  formatIpAddress,
  type IpAddress,
  isLinkLocalIpv6,
  sameIpAddress,
} from '../../base/ip-address.ts';
import type { NeighbourNetwork, NeighbourWatch } from '../../network/ports.ts';

export interface RouterSearchOptions {
  readonly neighbours: NeighbourNetwork;
  readonly clock: Clock;
  readonly interface: string;
  /** Another router, or another reason why there is none. */
  readonly changed: () => void;
}

/** Asked and advertised so soon after each other until a router is found, then now and then, for a router that restarts. */
const SOON: readonly Milliseconds[] = [seconds(1), seconds(1), seconds(2), seconds(4)];
const LATER = seconds(10);

/**
 * Who is at the other end of an interface with an unnumbered session: the router that makes itself known there by router
 * advertisements. It finds us by ours in the same way, which is why we go on sending them.
 */
export class RouterSearch {
  readonly #options: RouterSearchOptions;
  #watch: NeighbourWatch | undefined;
  /** Null: not told yet. */
  #index: number | undefined | null = null;
  #timer: Timer | undefined;
  #round = 0;
  #found: IpAddress | undefined;
  #problem: string | undefined;

  constructor(options: RouterSearchOptions) {
    this.#options = options;
    this.#problem = `no router was heard on ${options.interface} yet: it must send router advertisements there`;
  }

  get interface(): string {
    return this.#options.interface;
  }

  get found(): IpAddress | undefined {
    return this.#found;
  }

  /** Why there is none, or what is odd about it. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** `index`: that of the interface as of now; undefined while there is none. */
  interfaceIs(index: number | undefined): void {
    if (index === this.#index && (this.#watch !== undefined || index === undefined)) return;
    this.#stopWatching();
    this.#index = index;
    if (index === undefined) {
      this.#conclude(undefined, `this node has no interface ${this.#options.interface}`);
      return;
    }
    const watch = this.#options.neighbours.watchNeighbours(this.#options.interface, () => this.#look());
    if (!watch.ok) {
      this.#conclude(undefined, watch.error.message);
      return;
    }
    this.#watch = watch.value;
    this.#round = 0;
    this.#look();
    this.#call();
  }

  stop(): void {
    this.#stopWatching();
  }

  #stopWatching(): void {
    this.#timer?.stop();
    this.#watch?.close();
    this.#watch = undefined;
  }

  #call(): void {
    if (this.#watch === undefined) return;
    if (this.#found === undefined) this.#watch.solicit();
    this.#watch.advertise();
    const after = SOON[this.#round++] ?? LATER;
    this.#timer = this.#options.clock.startTimer('bgp router search', after, () => this.#call());
  }

  /** Once found it is kept while nobody else is there: the kernel forgets whom it does not use, and a session says itself when it is over. */
  #look(): void {
    const routers = (this.#watch?.list() ?? [])
      .filter(({ router, usable, address }) => router && usable && isLinkLocalIpv6(address))
      .map(({ address }) => address)
      .sort(compareIpAddress);
    const kept = routers.find((address) => this.#found !== undefined && sameIpAddress(address, this.#found));
    const found = kept ?? routers[0] ?? this.#found;
    if (found === undefined) return;
    const others = routers.filter((address) => !sameIpAddress(address, found)).map(formatIpAddress);
    this.#conclude(
      found,
      others.length === 0
        ? undefined
        : `${this.#options.interface} has more than one router: the session is with ${formatIpAddress(found)}, not with ${others.join(', ')}; an unnumbered peer wants a link of its own`,
    );
  }

  #conclude(found: IpAddress | undefined, problem: string | undefined): void {
    const same = found === undefined ? this.#found === undefined : this.#found && sameIpAddress(found, this.#found);
    if (same === true && problem === this.#problem) return;
    this.#found = found;
    this.#problem = problem;
    this.#options.changed();
  }
}
