import { isDeepStrictEqual } from 'node:util';
import { unreachable } from '../base/errors.ts';
import { compareIpAddress, formatIpAddress } from '../base/ip-address.ts';
import type { Link, RouteMessage } from './netlink/route.ts';
import type { InterfaceAddress, NetworkInterface } from './ports.ts';

/**
 * Interfaces and their addresses, kept current by netlink's messages. `list()` changes its identity only when something that
 * it shows changed, and an interface that did not change stays the same object: the kernel repeats itself a lot (lifetimes of
 * IPv6 addresses, statistics of wireless links).
 */
export class InterfaceTable {
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<number, Map<string, InterfaceAddress>>();
  #list: readonly NetworkInterface[] = [];
  #touched = false;

  apply(message: RouteMessage): void {
    this.#touched = true;
    switch (message.kind) {
      case 'link':
        this.#links.set(message.link.index, message.link);
        return;
      case 'link-removed':
        this.#links.delete(message.index);
        this.#addresses.delete(message.index);
        return;
      case 'address': {
        const ofLink = this.#addresses.get(message.index) ?? new Map<string, InterfaceAddress>();
        this.#addresses.set(message.index, ofLink.set(keyOf(message.address), message.address));
        return;
      }
      case 'address-removed':
        this.#addresses.get(message.index)?.delete(keyOf(message.address));
        return;
      case 'done':
        return;
      default:
        unreachable(message);
    }
  }

  /** Before a dump is applied: what it does not name is no more. */
  clear(): void {
    this.#links.clear();
    this.#addresses.clear();
    this.#touched = true;
  }

  /** Sorted by index; addresses IPv4 first, then by value. */
  list(): readonly NetworkInterface[] {
    if (!this.#touched) return this.#list;
    this.#touched = false;
    const before = new Map(this.#list.map((entry) => [entry.index, entry]));
    const now = [...this.#links.values()]
      .sort((a, b) => a.index - b.index)
      .map((link) => {
        const entry: NetworkInterface = { ...link, addresses: this.#addressesOf(link.index) };
        const previous = before.get(link.index);
        return isDeepStrictEqual(entry, previous) ? previous! : entry;
      });
    const same = now.length === this.#list.length && now.every((entry, i) => entry === this.#list[i]);
    if (!same) this.#list = now;
    return this.#list;
  }

  #addressesOf(index: number): readonly InterfaceAddress[] {
    return [...(this.#addresses.get(index)?.values() ?? [])].sort(
      (a, b) => compareIpAddress(a.address, b.address) || a.prefixLength - b.prefixLength,
    );
  }
}

const keyOf = ({ address, prefixLength }: InterfaceAddress): string => `${formatIpAddress(address)}/${prefixLength}`;
