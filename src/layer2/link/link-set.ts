import type { IpAddress, IpFamily } from '../../base/ip-address.ts';
import type { Logger } from '../../base/logger.ts';
import type { MacAddress } from '../../base/mac-address.ts';
import type { Network, NetworkError, NetworkInterface } from '../../network/ports.ts';
import type { Rival } from '../conflict.ts';
import type { CountingProtocol } from '../counters.ts';
import { choiceFacts, type InterfaceChoice, interfaceChooser, usableInterfaces } from '../interface-choice.ts';
import type { Watched } from '../responder.ts';
import { LinkDriver } from './driver.ts';

/**
 * The interfaces in use, kept in step with netlink. One on which no socket can be opened counts as not there, and is tried
 * again with the next `tidy`; what fails is logged once, when it begins and when it is over.
 */
export interface LinkSetDeps<W extends Watched> {
  readonly network: Network;
  readonly logger: Logger;
  readonly counters: Readonly<Record<IpFamily, CountingProtocol>>;
  /** The command line's restriction; undefined: none. */
  readonly only: readonly string[] | undefined;
  /** Nothing is answered now. */
  readonly isMuted: () => boolean;
  readonly onRival: (watched: W, rival: Rival, claim: 'uses' | 'probes') => void;
}

export class LinkSet<W extends Watched> {
  readonly #deps: LinkSetDeps<W>;
  readonly #links = new Map<string, LinkDriver<W>>();
  /** Links whose sockets, filters or groups do not fit yet. */
  readonly #unflushed = new Set<LinkDriver<W>>();
  readonly #broken = new Set<string>();
  /** The kernel's name for what failed last on an interface. */
  readonly #failures = new Map<string, string>();
  /** Every name that the configuration ever had. */
  readonly #named = new Set<string>();
  #facts: string | undefined;
  #interfaces: readonly NetworkInterface[] = [];
  #ownMacs: ReadonlySet<MacAddress | undefined> = new Set();
  #choose: ReturnType<typeof interfaceChooser> = interfaceChooser([], undefined);

  constructor(deps: LinkSetDeps<W>) {
    this.#deps = deps;
  }

  /** Takes over what netlink tells. `moved`: the links whose MAC changed; `changed`: interfaces are to be chosen anew. */
  update(interfaces: readonly NetworkInterface[]): {
    readonly moved: readonly LinkDriver<W>[];
    readonly changed: boolean;
  } {
    this.#interfaces = interfaces;
    this.#ownMacs = new Set(interfaces.map(({ mac }) => mac));
    const before = this.#facts;
    const moved = this.#review();
    return { moved, changed: this.#facts !== before };
  }

  choose(address: IpAddress, named: readonly string[]): InterfaceChoice {
    for (const name of named) {
      if (this.#named.has(name)) continue;
      this.#named.add(name);
      // Whatever changes next may concern an interface that did not count before.
      this.#facts = undefined;
    }
    return this.#choose(address, named);
  }

  linksOf({ interfaces }: InterfaceChoice): readonly LinkDriver<W>[] {
    return interfaces.flatMap((name) => this.#links.get(name) ?? []);
  }

  watch(link: LinkDriver<W>, watched: W): void {
    link.watch(watched);
    this.#unflushed.add(link);
  }

  /** On a link that is gone there is nothing to take back. */
  unwatch(link: LinkDriver<W>, watched: W): void {
    if (this.#links.get(link.name) !== link) return;
    link.unwatch(watched);
    this.#unflushed.add(link);
  }

  /** `retry`: something failed. `lost`: a link went because of it, so choose interfaces anew. */
  flush(tidy = false): { readonly retry: boolean; readonly lost: boolean } {
    const links = [...(tidy ? this.#links.values() : this.#unflushed)];
    this.#unflushed.clear();
    let retry = false;
    for (const link of links) {
      const error = link.flush(tidy);
      this.#noteFailure(link.name, error);
      if (error === undefined) continue;
      retry = true;
      if (link.deaf) this.#broken.add(link.name);
    }
    const lost = links.some(({ name }) => this.#broken.has(name));
    if (lost) this.#review();
    return { retry, lost };
  }

  /** Gives interfaces that could not be used another chance. True: there were some, so choose interfaces anew. */
  mend(): boolean {
    if (this.#broken.size === 0) return false;
    this.#broken.clear();
    this.#review();
    return true;
  }

  countDropped(): void {
    for (const link of this.#links.values()) link.countDropped();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #review(): readonly LinkDriver<W>[] {
    const { only, logger } = this.#deps;
    const usable = usableInterfaces(this.#interfaces, only).filter(({ name }) => !this.#broken.has(name));
    this.#choose = interfaceChooser(usable, only);
    this.#facts = choiceFacts(usable, only, this.#named);
    const present = new Map(usable.map(({ name, index }) => [name, index]));
    for (const link of [...this.#links.values()]) {
      if (present.get(link.name) === link.index) continue;
      if (link.inUse) logger.warn('interface lost', { interface: link.name });
      link.close();
      this.#links.delete(link.name);
      this.#unflushed.delete(link);
    }
    const moved: LinkDriver<W>[] = [];
    for (const link of usable) {
      const known = this.#links.get(link.name);
      if (known === undefined)
        this.#links.set(link.name, new LinkDriver<W>(link, { ...this.#deps, isOwn: (mac) => this.#ownMacs.has(mac) }));
      else {
        const isMoved = known.mac !== link.mac;
        known.use(link);
        if (!isMoved) continue;
        logger.info('the MAC of an interface changed', { interface: link.name, mac: link.mac });
        moved.push(known);
      }
    }
    return moved;
  }

  #noteFailure(name: string, error: NetworkError | undefined): void {
    if (this.#failures.get(name) === error?.code) return;
    if (error === undefined) {
      this.#failures.delete(name);
      this.#deps.logger.info('the interface works again', { interface: name });
    } else {
      this.#failures.set(name, error.code);
      this.#deps.logger.warn('cannot use all of an interface, trying again', { interface: name, error: error.message });
    }
  }
}
