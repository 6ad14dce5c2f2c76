import type { Clock } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { Layer2Settings } from '../config/config.ts';
import { rankCandidates } from '../election/rank.ts';
import { Layer2 } from '../layer2/driver.ts';
import type { Layer2AddressReport, Layer2Entry } from '../layer2/table.ts';
import type { Network } from '../network/ports.ts';
import type { FromWire, ToWire, WireAddress, WireAddressReport, WireOptions } from './messages.ts';

/**
 * What runs in the wire thread: from "who may" to "who does, and does it". Until there is membership the holder of an
 * address is the first in rank among the nodes that may, so two speakers on one folder agree, without failover.
 */
export interface WireDeps {
  readonly options: WireOptions;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly send: (message: FromWire) => void;
}

interface Held {
  readonly holder: string | undefined;
  /** Only where this node is the holder. */
  readonly entry: Layer2Entry | undefined;
}

export class Wire {
  readonly #deps: WireDeps;
  readonly #layer2: Layer2;
  readonly #held = new Map<string, Held>();
  #settings: Layer2Settings | undefined;

  constructor(deps: WireDeps) {
    this.#deps = deps;
    const { network, clock, random, logger, options } = deps;
    this.#layer2 = new Layer2({
      network,
      clock,
      random,
      logger,
      ...(options.interfaces.length === 0 ? {} : { interfaces: options.interfaces }),
      onReport: (reports) => this.#report(reports),
    });
  }

  receive(message: ToWire): void {
    switch (message.kind) {
      case 'layer2-settings':
        this.#settings = message.settings;
        this.#apply();
        return;
      case 'addresses':
        this.#update(message.set, message.remove);
        return;
      case 'ping':
        this.#deps.send({ kind: 'pong', number: message.number, layer2: this.#layer2.counters() });
        return;
      case 'stop':
        this.#layer2.stop();
        this.#deps.send({ kind: 'stopped' });
        return;
      default:
        unreachable(message);
    }
  }

  #update(set: readonly WireAddress[], remove: readonly IpAddress[]): void {
    const { send, options } = this.#deps;
    for (const address of remove) this.#held.delete(formatIpAddress(address));
    const elsewhere: WireAddressReport[] = [];
    for (const wireAddress of set) {
      const { address } = wireAddress;
      const holder = rankCandidates(address, wireAddress.candidates)[0]?.node;
      const ours = holder === options.node && !options.observe;
      const entry: Layer2Entry | undefined = ours
        ? { address, state: wireAddress.serving ? 'hold' : 'prepare', interfaces: wireAddress.interfaces }
        : undefined;
      this.#held.set(formatIpAddress(address), { holder, entry });
      if (entry === undefined) elsewhere.push({ address, holder, layer2: undefined });
    }
    if (elsewhere.length > 0 || remove.length > 0) send({ kind: 'report', changed: elsewhere, removed: remove });
    this.#apply();
  }

  #apply(): void {
    if (this.#settings === undefined) return;
    const entries = [...this.#held.values()].flatMap(({ entry }) => entry ?? []);
    this.#layer2.apply(entries, this.#settings);
  }

  #report(reports: readonly Layer2AddressReport[]): void {
    const changed = reports.flatMap(({ address, state }): WireAddressReport[] => {
      const held = this.#held.get(formatIpAddress(address));
      return held?.entry === undefined ? [] : [{ address, holder: held.holder, layer2: state }];
    });
    if (changed.length > 0) this.#deps.send({ kind: 'report', changed, removed: [] });
  }
}
