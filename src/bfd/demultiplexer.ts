import { type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import type { BfdSessionConfig } from './session-config.ts';

/** Where a session is to be found. */
export interface Addressed {
  readonly discriminator: number;
  readonly config: Pick<BfdSessionConfig, 'remote' | 'local' | 'interface' | 'multihop'>;
}

/** Where a packet came from. */
export interface PacketPath {
  readonly from: IpAddress;
  readonly to: IpAddress;
  readonly interface: string | undefined;
  readonly multihop: boolean;
}

/**
 * Which session a packet is for: the one whose discriminator it carries, whatever its addresses are (RFC 5880 §6.3); as long as
 * the neighbour does not know that, the one between these addresses, of a single hop on this interface (RFC 5881 §3,
 * RFC 5883 §4). One hop and several are two worlds, with ports of their own.
 */
export class Demultiplexer<S extends Addressed> {
  readonly #byDiscriminator = new Map<number, S>();
  readonly #byRemote = new Map<string, S[]>();

  add(session: S): void {
    this.#byDiscriminator.set(session.discriminator, session);
    const key = remoteKey(session.config.remote, session.config.multihop);
    this.#byRemote.set(key, [...(this.#byRemote.get(key) ?? []), session]);
  }

  delete(session: S): void {
    this.#byDiscriminator.delete(session.discriminator);
    const key = remoteKey(session.config.remote, session.config.multihop);
    const left = (this.#byRemote.get(key) ?? []).filter((other) => other !== session);
    if (left.length === 0) this.#byRemote.delete(key);
    else this.#byRemote.set(key, left);
  }

  has(discriminator: number): boolean {
    return this.#byDiscriminator.has(discriminator);
  }

  find(yourDiscriminator: number, path: PacketPath): S | undefined {
    if (yourDiscriminator === 0) return this.#byPath(path);
    const session = this.#byDiscriminator.get(yourDiscriminator);
    return session?.config.multihop === path.multihop ? session : undefined;
  }

  #byPath({ from, to, interface: at, multihop }: PacketPath): S | undefined {
    return this.#byRemote
      .get(remoteKey(from, multihop))
      ?.find(
        ({ config }) =>
          (config.local === undefined || sameIpAddress(config.local, to)) &&
          (config.interface === undefined || config.interface === at),
      );
  }
}

const remoteKey = ({ family, value }: IpAddress, multihop: boolean): string =>
  `${multihop ? 'm' : 's'}${family}${value}`;
