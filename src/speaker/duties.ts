import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Layer2Entry } from '../layer2/table.ts';

/**
 * What the election has this node do, as the table of layer 2. While muted (a pause is not cleared up yet) the table is
 * empty; what was held before is answered for again without a probe, since nobody else had a right to it meanwhile.
 */
export class Duties {
  readonly #entries = new Map<string, Layer2Entry>();
  readonly #interfacesOf: (address: IpAddress) => readonly string[];
  #muted = false;
  #changed = false;

  constructor(interfacesOf: (address: IpAddress) => readonly string[]) {
    this.#interfacesOf = interfacesOf;
  }

  /** `probe`: look for a conflict before it is announced for the first time. */
  set(address: IpAddress, state: Layer2Entry['state'], probe: boolean): void {
    this.#entries.set(formatIpAddress(address), { address, state, probe, interfaces: this.#interfacesOf(address) });
    this.#changed = true;
  }

  /** The configuration may name other interfaces for it now. */
  refresh(address: IpAddress): void {
    const entry = this.#entries.get(formatIpAddress(address));
    if (entry !== undefined) this.set(address, entry.state, entry.probe);
  }

  release(address: IpAddress): void {
    this.#changed = this.#entries.delete(formatIpAddress(address)) || this.#changed;
  }

  mute(muted: boolean): void {
    this.#muted = muted;
    this.#changed = true;
    if (!muted) for (const [key, entry] of this.#entries) this.#entries.set(key, { ...entry, probe: false });
  }

  has(address: IpAddress): boolean {
    return this.#entries.has(formatIpAddress(address));
  }

  /** The whole table if anything changed since the last call. */
  take(): readonly Layer2Entry[] | undefined {
    return this.#changed ? this.all() : undefined;
  }

  all(): readonly Layer2Entry[] {
    this.#changed = false;
    return this.#muted ? [] : [...this.#entries.values()];
  }
}
