import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Layer2Entry } from '../layer2/table.ts';

export interface DutyChange {
  readonly set: readonly Layer2Entry[];
  readonly remove: readonly IpAddress[];
}

/** What the election has this node do, as the table of layer 2. */
export class Duties {
  readonly #entries = new Map<string, Layer2Entry>();
  readonly #interfacesOf: (address: IpAddress) => readonly string[];
  /** Set or released since the last `take`. */
  readonly #touched = new Map<string, IpAddress>();

  constructor(interfacesOf: (address: IpAddress) => readonly string[]) {
    this.#interfacesOf = interfacesOf;
  }

  /** `probe`: look for a conflict before it is announced for the first time. */
  set(address: IpAddress, state: Layer2Entry['state'], probe: boolean): void {
    const key = formatIpAddress(address);
    this.#entries.set(key, { address, state, probe, interfaces: this.#interfacesOf(address) });
    this.#touched.set(key, address);
  }

  /** The configuration may name other interfaces for it now. */
  refresh(address: IpAddress): void {
    const entry = this.#entries.get(formatIpAddress(address));
    if (entry !== undefined) this.set(address, entry.state, entry.probe);
  }

  release(address: IpAddress): void {
    const key = formatIpAddress(address);
    if (this.#entries.delete(key)) this.#touched.set(key, address);
  }

  has(address: IpAddress): boolean {
    return this.#entries.has(formatIpAddress(address));
  }

  /** What layer 2 is to be told since the last call; undefined: nothing. */
  take(): DutyChange | undefined {
    if (this.#touched.size === 0) return undefined;
    const touched = [...this.#touched];
    this.#touched.clear();
    return {
      set: touched.flatMap(([key]) => this.#entries.get(key) ?? []),
      remove: touched.flatMap(([key, address]) => (this.#entries.has(key) ? [] : [address])),
    };
  }

  /** The whole table. */
  all(): readonly Layer2Entry[] {
    this.#touched.clear();
    return [...this.#entries.values()];
  }
}
