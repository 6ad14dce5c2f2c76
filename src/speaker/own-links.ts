import { type Clock, ms, type Timer } from '../base/clock.ts';
import { formatIpAddress, type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { FactInterface, Facts } from '../election/facts.ts';
import { DEFAULT_LIVENESS, InterfaceLiveness } from '../election/interface-liveness.ts';
import type { TransportAddress } from '../membership/member.ts';
import type { DatagramNetwork, DatagramSocket, InterfaceWatch, Network } from '../network/ports.ts';
import { Hearing } from './hearing.ts';
import { ownFacts } from './own-facts.ts';

/**
 * The interfaces of this node as the election is told of them: which there are, on which anybody is heard, and which are up
 * but reach nobody. Membership notices a silent cut of the link that carries the nodes' addresses; here the others are
 * watched (a network of their own for the virtual IPs): members send each other an empty datagram there, which
 * whoever listens for members ignores, and the kernel's count of received frames tells whether anything arrives.
 */
export interface OwnLinksDeps {
  readonly network: Network;
  readonly datagrams: DatagramNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The command line's --interface; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly framesReceived: (interfaceName: string) => number | undefined;
  /** What the living members told of their interfaces. */
  readonly peers: () => readonly (readonly FactInterface[])[];
  /** The election must be told anew. */
  readonly changed: () => void;
}

/** Members come and go, interfaces get addresses: who is to be asked is looked up every so many periods. */
const PERIODS_A_REVIEW = 10;

export class OwnLinks {
  readonly #deps: OwnLinksDeps;
  readonly #interfaces: InterfaceWatch | undefined;
  readonly #hearing: Hearing;
  readonly #liveness = new InterfaceLiveness(DEFAULT_LIVENESS);
  readonly #received = new Map<string, number | undefined>();
  /** By the address that they send from; undefined: it cannot be opened, or is not yet. */
  readonly #sockets = new Map<string, DatagramSocket | undefined>();
  #own: readonly TransportAddress[] = [];
  #timer: Timer | undefined;
  #periods = 0;
  #stopped = false;

  constructor(deps: OwnLinksDeps) {
    this.#deps = deps;
    const { network, clock, framesReceived, changed, logger } = deps;
    this.#hearing = new Hearing(clock, framesReceived, changed);
    const watch = network.watchInterfaces(changed);
    if (watch.ok) this.#interfaces = watch.value;
    else logger.warn('interfaces are not watched, so other nodes learn of no change', { why: watch.error.message });
  }

  /** From now on members are asked on every link but those where they are met anyway: at these addresses of this node. */
  join(own: readonly TransportAddress[]): void {
    this.#own = own;
    if (this.#timer === undefined && !this.#stopped) this.#arm();
  }

  facts(rest: Pick<Facts, 'draining' | 'version' | 'apiViewAge'>): Facts {
    return ownFacts(this.#interfaces?.list() ?? [], this.#deps.only, rest, (name) => this.#liveness.isAlive(name));
  }

  heard(): ReadonlySet<string> {
    return this.#hearing.heard();
  }

  lookAround(): void {
    this.#hearing.lookAround(this.#fitting().map(({ name }) => name));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
    this.#hearing.stop();
    this.#interfaces?.close();
    for (const socket of this.#sockets.values()) socket?.close();
    this.#sockets.clear();
  }

  #fitting(): readonly FactInterface[] {
    return this.facts({ draining: false, version: '', apiViewAge: ms(0) }).interfaces;
  }

  #arm(): void {
    this.#timer = this.#deps.clock.startTimer('link liveness', DEFAULT_LIVENESS.period, () => {
      this.#period();
      this.#arm();
    });
  }

  /** What arrived counts before silence does: after a pause of this process the frames are there. */
  #period(): void {
    const { clock } = this.#deps;
    if (this.#periods++ % PERIODS_A_REVIEW === 0) this.#review();
    let changed = false;
    for (const [name, before] of this.#received) {
      const received = this.#deps.framesReceived(name);
      this.#received.set(name, received);
      if (received !== before) changed = this.#liveness.sign(name, clock.now()) || changed;
    }
    const asked = this.#liveness.tick(clock.now());
    for (const { interfaceName, to } of asked.questions) this.#ask(interfaceName, to);
    if (changed || asked.changed) this.#tell();
  }

  #review(): void {
    const isOwn = (address: IpAddress): boolean => this.#own.some((own) => sameIpAddress(own.address, address));
    const watched = this.#fitting().filter(
      ({ up, addresses }) => up && !addresses.some(({ address }) => isOwn(address)),
    );
    this.#liveness.watch(watched, watched.length === 0 ? [] : this.#deps.peers(), this.#deps.clock.now());
    const names = new Set(watched.map(({ name }) => name));
    for (const name of this.#received.keys()) if (!names.has(name)) this.#received.delete(name);
    for (const name of names) if (!this.#received.has(name)) this.#received.set(name, this.#deps.framesReceived(name));
  }

  #ask(interfaceName: string, to: IpAddress): void {
    const own = this.#fitting()
      .find(({ name }) => name === interfaceName)
      ?.addresses.find(({ address }) => address.family === to.family)?.address;
    const port = this.#own[0]?.port;
    if (own !== undefined && port !== undefined) this.#socketAt(own)?.send(new Uint8Array(0), { address: to, port });
  }

  /** None yet at the first call: it is opened for the next. */
  #socketAt(own: IpAddress): DatagramSocket | undefined {
    const key = formatIpAddress(own);
    if (this.#sockets.has(key)) return this.#sockets.get(key);
    this.#sockets.set(key, undefined);
    const ignore = { datagram: () => {}, refused: () => {}, error: () => {} };
    void this.#deps.datagrams.openDatagramSocket({ address: own, port: 0 }, ignore).then((opened) => {
      if (!opened.ok) this.#sockets.delete(key);
      else if (this.#stopped) opened.value.close();
      else this.#sockets.set(key, opened.value);
    });
    return undefined;
  }

  #tell(): void {
    const { logger, changed } = this.#deps;
    for (const name of this.#received.keys())
      logger.info('link liveness', { interface: name, reachesOthers: this.#liveness.isAlive(name) });
    changed();
  }
}
