import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { AddressState } from '../election/events.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { WireAddressReport } from './messages.ts';

type Layer2State = Layer2AddressReport['state'];

/** What changed is told after this, so much at once: thousands of reports take time, and neighbours that ask come first. */
const DELAY = ms(5);
const AT_ONCE = 500;

interface AddressReportsDeps {
  readonly clock: Clock;
  /** The control thread wants to know of the address with this text; of others it is not told at all. */
  readonly concerns: (key: string) => boolean;
  readonly tell: (changed: readonly WireAddressReport[]) => void;
}

/** What is known of each address, holder and layer 2 joined, and which of it the control thread has not been told yet. */
export class AddressReports {
  readonly #deps: AddressReportsDeps;
  readonly #states = new Map<string, AddressState>();
  readonly #layer2 = new Map<string, Layer2State>();
  readonly #conflicts = new Set<string>();
  readonly #untold = new Map<string, IpAddress>();

  #telling: Timer | undefined;

  constructor(deps: AddressReportsDeps) {
    this.#deps = deps;
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

  /** Returns what was known before. */
  setHolder(state: AddressState): AddressState | undefined {
    const key = formatIpAddress(state.address);
    const before = this.#states.get(key);
    this.#states.set(key, state);
    this.#changed(key, state.address);
    return before;
  }

  /** Undefined: layer 2 has nothing to do with it any more. */
  setLayer2(address: IpAddress, state: Layer2State | undefined): void {
    const key = formatIpAddress(address);
    if (state === undefined) this.#layer2.delete(key);
    else this.#layer2.set(key, state);
    if (state?.kind === 'conflict') this.#conflicts.add(key);
    else this.#conflicts.delete(key);
    this.#changed(key, address);
  }

  forget(address: IpAddress): void {
    this.setLayer2(address, undefined);
    this.#states.delete(formatIpAddress(address));
    this.#untold.delete(formatIpAddress(address));
  }

  /** Now; nothing comes after it. */
  tellAll(): void {
    this.#telling?.stop();
    this.#tell(Number.POSITIVE_INFINITY);
  }

  #changed(key: string, address: IpAddress): void {
    this.#untold.set(key, address);
    this.#arm();
  }

  #arm(): void {
    this.#telling ??= this.#deps.clock.startTimer('reports', DELAY, () => {
      this.#telling = undefined;
      this.#tell(AT_ONCE);
      if (this.#untold.size > 0) this.#arm();
    });
  }

  #tell(most: number): void {
    const taken: WireAddressReport[] = [];
    for (const [key, address] of this.#untold) {
      if (taken.length >= most) break;
      this.#untold.delete(key);
      if (this.#deps.concerns(key)) taken.push(this.#reportOf(key, address));
    }
    if (taken.length > 0) this.#deps.tell(taken);
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
    const { clock } = this.#deps;
    return clock.wallTime(ms(at - clock.now())).toISOString();
  }
}
