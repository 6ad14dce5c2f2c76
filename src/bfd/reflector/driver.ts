import { type IpFamily, isLinkLocalIpv6, sameIpAddress } from '../../base/ip-address.ts';
import type {
  HopDatagramNetwork,
  HopDatagramOrigin,
  HopReceiver,
  HopSender,
  NetworkError,
} from '../../network/ports.ts';
import type { BfdSessionConfig } from '../session-config.ts';
import { ECHO_PORT, SINGLE_HOP_TTL } from '../wire/constants.ts';

/**
 * Sends echo packets back that a neighbour addresses to us. By RFC 5881 §4 they are addressed to the neighbour itself, and it is
 * the kernel that forwards them, on a node that forwards at all; FRR does so for IPv4, but for IPv6 it leaves the way back to
 * the program at the other end, and takes one hop off as a forwarding plane would.
 */
export class EchoReflector {
  readonly #network: HopDatagramNetwork;
  readonly #error: (error: NetworkError) => void;
  readonly #receivers = new Map<IpFamily, HopReceiver>();
  readonly #senders = new Map<BfdSessionConfig, HopSender>();
  #sessions: readonly BfdSessionConfig[] = [];

  constructor(network: HopDatagramNetwork, error: (error: NetworkError) => void) {
    this.#network = network;
    this.#error = error;
  }

  /** For these neighbours, and for nobody else. */
  serve(sessions: readonly BfdSessionConfig[]): void {
    this.#sessions = sessions;
    for (const [config, sender] of this.#senders) {
      if (sessions.includes(config)) continue;
      sender.close();
      this.#senders.delete(config);
    }
    for (const family of ['ipv4', 'ipv6'] as const) {
      const wanted = sessions.some(({ remote }) => remote.family === family);
      const open = this.#receivers.get(family);
      if (wanted && open === undefined) this.#open(family);
      if (wanted || open === undefined) continue;
      open.close();
      this.#receivers.delete(family);
    }
  }

  close(): void {
    this.serve([]);
  }

  #open(family: IpFamily): void {
    const receiver = this.#network.openHopReceiver(
      { family, port: ECHO_PORT },
      { datagram: (bytes, origin) => this.#reflect(bytes, origin), error: this.#error },
    );
    if (receiver.ok) this.#receivers.set(family, receiver.value);
    else this.#error(receiver.error);
  }

  #reflect(bytes: Uint8Array, { from, to, fromPort, hopLimit }: HopDatagramOrigin): void {
    // What has been sent back once is not sent back again.
    if (hopLimit !== SINGLE_HOP_TTL) return;
    const config = this.#sessions.find(({ remote }) => sameIpAddress(remote, from));
    if (config === undefined) return;
    let sender = this.#senders.get(config);
    if (sender === undefined) {
      const zone = isLinkLocalIpv6(from) ? config.interface : undefined;
      const opened = this.#network.openHopSender({
        remote: { address: from, port: fromPort, zone },
        source: to,
        hopLimit: SINGLE_HOP_TTL - 1,
      });
      if (!opened.ok) {
        this.#error(opened.error);
        return;
      }
      sender = opened.value;
      this.#senders.set(config, sender);
    }
    const error = sender.send(bytes);
    if (error === undefined) return;
    this.#error(error);
    sender.close();
    this.#senders.delete(config);
  }
}
