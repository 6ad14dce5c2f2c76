import { readFileSync } from 'node:fs';
import { type IpAddress, type IpFamily, sameIpAddress } from '../../base/ip-address.ts';
import type { MacAddress } from '../../base/mac-address.ts';
import type { BpfInstruction, FrameSocket, Network, NetworkError, NetworkInterface } from '../../network/ports.ts';
import { CONTROL_PORT, ECHO_PORT, SINGLE_HOP_TTL } from '../wire/constants.ts';
import { ETHER_TYPE, encodeEchoFrame, readUdpFrame } from '../wire/echo-frame.ts';

/**
 * Echo packets to and from the wire. The neighbour's MAC is that of the control packets that come from its address, as they
 * pass by: nobody need be asked, and a router that is replaced is followed.
 */
export interface EchoHandlers<S> {
  /** Whether packets can be sent for it. */
  possible(session: S, possible: boolean): void;
  returned(session: S): void;
  error(error: NetworkError): void;
}

export interface EchoPath {
  readonly remote: IpAddress;
  readonly local: IpAddress;
  readonly link: NetworkInterface;
}

interface Echoing<S> extends EchoPath {
  readonly session: S;
  /** Only we can know it: what carries it did come back. */
  readonly secret: Uint8Array;
  mac: MacAddress | undefined;
}

/** One that forwarded it took one off; a router that does so in hardware may not. */
const LEAST_TTL = SINGLE_HOP_TTL - 1;
export const SECRET_OCTETS = 12;

export class EchoFunction<S> {
  readonly #network: Network;
  readonly #handlers: EchoHandlers<S>;
  readonly #newSecret: () => Uint8Array;
  readonly #sockets = new Map<string, FrameSocket>();
  readonly #echoing = new Map<S, Echoing<S>>();

  /** `newSecret`: SECRET_OCTETS random octets. */
  constructor(network: Network, newSecret: () => Uint8Array, handlers: EchoHandlers<S>) {
    this.#network = network;
    this.#newSecret = newSecret;
    this.#handlers = handlers;
  }

  /** The session is on that path now. False: it was before. */
  follow(session: S, path: EchoPath): boolean {
    const before = this.#echoing.get(session);
    if (before !== undefined && isSamePath(before, path)) return false;
    this.forget(session);
    if (this.#listen(path)) this.#echoing.set(session, { ...path, session, secret: this.#newSecret(), mac: undefined });
    return true;
  }

  forget(session: S): void {
    const before = this.#echoing.get(session);
    if (before === undefined) return;
    this.#echoing.delete(session);
    const kind = kindOf(before);
    if ([...this.#echoing.values()].every((other) => kindOf(other) !== kind)) {
      this.#sockets.get(kind)?.close();
      this.#sockets.delete(kind);
    }
    if (before.mac !== undefined) this.#handlers.possible(session, false);
  }

  /** False: not sent. */
  send(session: S): boolean {
    const echoing = this.#echoing.get(session);
    if (echoing?.mac === undefined || echoing.link.mac === undefined) return false;
    const frame = encodeEchoFrame({
      sourceMac: echoing.link.mac,
      destinationMac: echoing.mac,
      address: echoing.local,
      payload: echoing.secret,
    });
    const error = this.#sockets.get(kindOf(echoing))?.send(frame);
    if (error !== undefined) this.#handlers.error(error);
    return error === undefined;
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    this.#echoing.clear();
  }

  #listen(path: EchoPath): boolean {
    const kind = kindOf(path);
    if (this.#sockets.has(kind)) return true;
    const { family } = path.local;
    const socket = this.#network.openFrameSocket(
      { interfaceName: path.link.name, etherType: ETHER_TYPE[family], filter: FILTER[family] },
      {
        frame: (bytes) => this.#frame(bytes, kind, family),
        error: (error) => this.#lost(kind, error),
      },
    );
    if (socket.ok) this.#sockets.set(kind, socket.value);
    else this.#handlers.error(socket.error);
    return socket.ok;
  }

  #frame(bytes: Uint8Array, kind: string, family: IpFamily): void {
    const frame = readUdpFrame(bytes, family);
    if (frame === undefined) return;
    for (const echoing of this.#echoing.values()) {
      if (kindOf(echoing) !== kind) continue;
      if (frame.port === CONTROL_PORT && frame.ttl === SINGLE_HOP_TTL && sameIpAddress(frame.from, echoing.remote)) {
        const known = echoing.mac !== undefined;
        echoing.mac = frame.sourceMac;
        if (!known) this.#handlers.possible(echoing.session, true);
      }
      if (frame.port === ECHO_PORT && frame.ttl >= LEAST_TTL && isOurs(frame.payload, echoing.secret))
        this.#handlers.returned(echoing.session);
    }
  }

  /** The link went away: whoever is heard on it again will be followed anew. */
  #lost(kind: string, error: NetworkError): void {
    this.#handlers.error(error);
    for (const echoing of [...this.#echoing.values()]) if (kindOf(echoing) === kind) this.forget(echoing.session);
  }
}

/**
 * Whether what arrives there for somebody else is sent on (ip-sysctl: `forwarding`). Else an offer of echo would be one that
 * takes the neighbour's session down again and again.
 */
export function kernelForwards(interfaceName: string, family: IpFamily): boolean {
  // Of IPv6 the kernel asks for `all`, whatever the interface says.
  const file = `/proc/sys/net/${family}/conf/${family === 'ipv4' ? interfaceName : 'all'}/forwarding`;
  try {
    return readFileSync(file, 'utf8').trim() !== '0';
  } catch {
    return false;
  }
}

const kindOf = ({ link, local }: EchoPath): string => `${link.index} ${local.family}`;
const isSamePath = (a: EchoPath, b: EchoPath): boolean =>
  a.link.index === b.link.index &&
  a.link.mac === b.link.mac &&
  sameIpAddress(a.local, b.local) &&
  sameIpAddress(a.remote, b.remote);

/** Ethernet may have padded it. */
const isOurs = (payload: Uint8Array, secret: Uint8Array): boolean =>
  payload.length >= secret.length && secret.every((octet, at) => payload[at] === octet);

/** UDP, no fragment, to one of the two ports; 128 octets of it are enough. */
const accept = { code: 0x06, jt: 0, jf: 0, k: 128 };
const drop = { code: 0x06, jt: 0, jf: 0, k: 0 };
const FILTER: Readonly<Record<IpFamily, readonly BpfInstruction[]>> = {
  ipv4: [
    { code: 0x30, jt: 0, jf: 0, k: 23 }, // ldb protocol
    { code: 0x15, jt: 0, jf: 6, k: 17 },
    { code: 0x28, jt: 0, jf: 0, k: 20 }, // ldh fragment offset
    { code: 0x45, jt: 4, jf: 0, k: 0x1fff },
    { code: 0xb1, jt: 0, jf: 0, k: 14 }, // ldx header length
    { code: 0x48, jt: 0, jf: 0, k: 16 }, // ldh destination port
    { code: 0x15, jt: 2, jf: 0, k: CONTROL_PORT },
    { code: 0x15, jt: 1, jf: 0, k: ECHO_PORT },
    drop,
    accept,
  ],
  ipv6: [
    { code: 0x30, jt: 0, jf: 0, k: 20 }, // ldb next header
    { code: 0x15, jt: 0, jf: 3, k: 17 },
    { code: 0x28, jt: 0, jf: 0, k: 56 }, // ldh destination port
    { code: 0x15, jt: 2, jf: 0, k: CONTROL_PORT },
    { code: 0x15, jt: 1, jf: 0, k: ECHO_PORT },
    drop,
    accept,
  ],
};
