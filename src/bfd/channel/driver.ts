import type { IpFamily } from '../../base/ip-address.ts';
import { isLinkLocalIpv6 } from '../../base/ip-address.ts';
import type {
  HopDatagramNetwork,
  HopDatagramOrigin,
  HopReceiver,
  HopSender,
  NetworkError,
} from '../../network/ports.ts';
import type { BfdSessionConfig } from '../session-config.ts';
import { CONTROL_PORT, MULTIHOP_PORT, SINGLE_HOP_TTL } from '../wire/constants.ts';

/** The sockets of the sessions: a port to receive at for each family and kind, a port to send from for each session. */
export interface ChannelHandlers {
  datagram(bytes: Uint8Array, origin: HopDatagramOrigin, multihop: boolean): void;
  error(error: NetworkError): void;
}

export class Channels<S extends object> {
  readonly #network: HopDatagramNetwork;
  readonly #handlers: ChannelHandlers;
  readonly #receivers = new Map<string, HopReceiver>();
  readonly #senders = new Map<S, HopSender>();

  constructor(network: HopDatagramNetwork, handlers: ChannelHandlers) {
    this.#network = network;
    this.#handlers = handlers;
  }

  /** What these sessions need is open afterwards, the rest closed; `failed` hears what cannot be opened. */
  receiveFor(
    sessions: Iterable<{ readonly config: BfdSessionConfig }>,
    failed: (kind: string, error: NetworkError) => void,
  ): void {
    const unused = new Set(this.#receivers.keys());
    const tried = new Set<string>();
    for (const { config } of sessions) {
      const kind = kindOf(config);
      unused.delete(kind);
      if (this.#receivers.has(kind) || tried.has(kind)) continue;
      tried.add(kind);
      const receiver = this.#open(config.remote.family, config.multihop);
      if (receiver.ok) this.#receivers.set(kind, receiver.value);
      else failed(kind, receiver.error);
    }
    for (const kind of unused) {
      this.#receivers.get(kind)?.close();
      this.#receivers.delete(kind);
    }
  }

  receives(config: BfdSessionConfig): boolean {
    return this.#receivers.has(kindOf(config));
  }

  /** Undefined: sent. After an error the next packet goes from a new socket: ours may be of an address or a link that is gone. */
  send(
    session: S,
    { remote, local, interface: device, multihop }: BfdSessionConfig,
    bytes: Uint8Array,
  ): NetworkError | undefined {
    let sender = this.#senders.get(session);
    if (sender === undefined) {
      const opened = this.#network.openHopSender({
        remote: {
          address: remote,
          port: multihop ? MULTIHOP_PORT : CONTROL_PORT,
          zone: isLinkLocalIpv6(remote) ? device : undefined,
        },
        source: local,
        device,
        // RFC 5881 §5; RFC 5883 §5 leaves it open, and who checks expects it.
        hopLimit: SINGLE_HOP_TTL,
      });
      if (!opened.ok) return opened.error;
      sender = opened.value;
      this.#senders.set(session, sender);
    }
    const error = sender.send(bytes);
    if (error !== undefined) this.forget(session);
    return error;
  }

  forget(session: S): void {
    this.#senders.get(session)?.close();
    this.#senders.delete(session);
  }

  /** Since the last call. */
  takeDropped(): number {
    return [...this.#receivers.values()].reduce((sum, receiver) => sum + receiver.takeDropped(), 0);
  }

  close(): void {
    for (const open of [...this.#receivers.values(), ...this.#senders.values()]) open.close();
    this.#receivers.clear();
    this.#senders.clear();
  }

  #open(family: IpFamily, multihop: boolean) {
    return this.#network.openHopReceiver(
      { family, port: multihop ? MULTIHOP_PORT : CONTROL_PORT },
      {
        datagram: (bytes, origin) => this.#handlers.datagram(bytes, origin, multihop),
        error: (error) => this.#handlers.error(error),
      },
    );
  }
}

const kindOf = ({ remote, multihop }: BfdSessionConfig): string =>
  `${remote.family} ${multihop ? 'multihop' : 'single hop'}`;
