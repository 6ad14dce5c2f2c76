import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Layer2Entry } from '../layer2/table.ts';

/**
 * What the election has this node do, as the table of layer 2. While muted (a pause is not cleared up yet) the table is
 * empty; what was held before is answered for again without a probe, since nobody else had a right to it meanwhile.
 */
export type DutyChange =
  | { readonly kind: 'whole'; readonly entries: readonly Layer2Entry[] }
  | { readonly kind: 'part'; readonly set: readonly Layer2Entry[]; readonly remove: readonly IpAddress[] };

export class Duties {
  readonly #entries = new Map<string, Layer2Entry>();
  readonly #interfacesOf: (address: IpAddress) => readonly string[];
  /** Set or released since the last `take`. */
  readonly #touched = new Map<string, IpAddress>();
  #muted = false;
  #whole = false;

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

  mute(muted: boolean): void {
    this.#muted = muted;
    this.#whole = true;
    if (!muted) for (const [key, entry] of this.#entries) this.#entries.set(key, { ...entry, probe: false });
  }

  has(address: IpAddress): boolean {
    return this.#entries.has(formatIpAddress(address));
  }

  /** What layer 2 is to be told since the last call; undefined: nothing. */
  take(): DutyChange | undefined {
    if (this.#whole) return { kind: 'whole', entries: this.all() };
    if (this.#touched.size === 0 || this.#muted) return undefined;
    const touched = [...this.#touched];
    this.#touched.clear();
    return {
      kind: 'part',
      set: touched.flatMap(([key]) => this.#entries.get(key) ?? []),
      remove: touched.flatMap(([key, address]) => (this.#entries.has(key) ? [] : [address])),
    };
  }

  /** The whole table, which is empty while muted. */
  all(): readonly Layer2Entry[] {
    this.#whole = false;
    this.#touched.clear();
    return this.#muted ? [] : [...this.#entries.values()];
  }
}
