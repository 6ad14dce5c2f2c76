import { type Clock, type Milliseconds, ms } from '../base/clock.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { AddressState } from '../election/events.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { WireAddressReport } from './messages.ts';

type Layer2State = Layer2AddressReport['state'];

/** What is known of each address, holder and layer 2 joined, and which of it the control thread has not been told yet. */
export class AddressReports {
  readonly #clock: Clock;
  readonly #states = new Map<string, AddressState>();
  readonly #layer2 = new Map<string, Layer2State>();
  readonly #conflicts = new Set<string>();
  readonly #untold = new Map<string, IpAddress>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  holderOf(address: IpAddress): AddressState | undefined {
    return this.#states.get(formatIpAddress(address));
  }
  layer2Of(address: IpAddress): Layer2State | undefined {
    return this.#layer2.get(formatIpAddress(address));
  }
  get hasConflicts(): boolean {
    return this.#conflicts.size > 0;
  }

  setHolder(state: AddressState): void {
    this.#states.set(formatIpAddress(state.address), state);
    this.#untold.set(formatIpAddress(state.address), state.address);
  }

  /** Undefined: layer 2 has nothing to do with it any more. */
  setLayer2(address: IpAddress, state: Layer2State | undefined): void {
    const key = formatIpAddress(address);
    if (state === undefined) this.#layer2.delete(key);
    else this.#layer2.set(key, state);
    if (state?.kind === 'conflict') this.#conflicts.add(key);
    else this.#conflicts.delete(key);
    this.#untold.set(key, address);
  }

  forget(address: IpAddress): void {
    this.setLayer2(address, undefined);
    this.#states.delete(formatIpAddress(address));
    this.#untold.delete(formatIpAddress(address));
  }

  /** Of those that `concerns`; the others are not told at all. */
  takeUntold(concerns: (key: string) => boolean): readonly WireAddressReport[] {
    const untold = [...this.#untold].filter(([key]) => concerns(key));
    this.#untold.clear();
    return untold.map(([key, address]) => this.#reportOf(key, address));
  }

  #reportOf(key: string, address: IpAddress): WireAddressReport {
    const state = this.#states.get(key);
    const holder = state?.holder;
    return {
      address,
      holder: holder?.node,
      term: holder?.term,
      since: holder && this.#wallTimeOf(holder.since),
      handingOver: state?.handingOver,
      layer2: this.#layer2.get(key),
    };
  }

  #wallTimeOf(at: Milliseconds): string {
    return this.#clock.wallTime(ms(at - this.#clock.now())).toISOString();
  }
}
