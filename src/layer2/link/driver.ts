import { type IpAddress, type IpFamily, ipAddress, isLinkLocalIpv6 } from '../../base/ip-address.ts';
import type { Logger } from '../../base/logger.ts';
import type { MacAddress } from '../../base/mac-address.ts';
import type { FrameSocket, Network, NetworkError } from '../../network/ports.ts';
import { coverOf, covers, coverWith, type Span } from '../address-cover.ts';
import { announcementFrames, probeFrame, solicitationFrame } from '../announcement.ts';
import type { Rival } from '../conflict.ts';
import type { CountingProtocol } from '../counters.ts';
import type { UsableInterface } from '../interface-choice.ts';
import { type Outcome, Responder, type Watched } from '../responder.ts';
import { EtherType } from '../wire/constants.ts';
import { arpFilter, ndpFilter, SPAN_LIMIT } from '../wire/filter.ts';
import { solicitedNodeGroup } from '../wire/ipv6.ts';

/**
 * One interface: a packet socket for each family that has addresses here, its filter, the multicast groups, and the
 * responder between what comes in and what goes out. Which addresses, and when to announce, is decided above.
 */
export interface LinkDeps<W extends Watched> {
  readonly network: Network;
  readonly logger: Logger;
  readonly isOwn: (mac: MacAddress) => boolean;
  readonly counters: Readonly<Record<IpFamily, CountingProtocol>>;
  /** Nothing is answered now. */
  readonly isMuted: () => boolean;
  readonly onRival: (watched: W, rival: Rival, claim: 'uses' | 'probes') => void;
}

/** From this many new addresses on it is cheaper to make the spans of the filter anew. */
const MANY = 16;

interface Side<W> {
  readonly family: IpFamily;
  readonly watched: Map<bigint, W>;
  added: bigint[];
  spans: readonly Span[];
  socket: FrameSocket | undefined;
}

/** That of the link itself, where there is one: it is on every machine's. */
function ownIpv6({ addresses }: UsableInterface): IpAddress | undefined {
  const own = addresses.map(({ address }) => address).filter(({ family }) => family === 'ipv6');
  return own.find(isLinkLocalIpv6) ?? own[0];
}

export class LinkDriver<W extends Watched> {
  readonly name: string;
  readonly index: number;
  readonly #deps: LinkDeps<W>;
  readonly #responder: Responder<W>;
  readonly #sides: Readonly<Record<IpFamily, Side<W>>> = { ipv4: newSide('ipv4'), ipv6: newSide('ipv6') };
  /** How many addresses are in each solicited-node group, and whether it was joined. */
  readonly #groups = new Map<bigint, { members: number; joined: boolean }>();
  #mac: MacAddress;
  /** Of the node itself; undefined: it has no IPv6 here. */
  #ownIpv6: IpAddress | undefined;
  #lastError: string | undefined;

  constructor(link: UsableInterface, deps: LinkDeps<W>) {
    this.name = link.name;
    this.index = link.index;
    this.#mac = link.mac;
    this.#ownIpv6 = ownIpv6(link);
    this.#deps = deps;
    this.#responder = new Responder(link.mac, deps.isOwn);
  }

  get mac(): MacAddress {
    return this.#mac;
  }

  get inUse(): boolean {
    return this.#bothSides().some(({ watched }) => watched.size > 0);
  }
  /** There are addresses for which no frame arrives. */
  get deaf(): boolean {
    return this.#bothSides().some(({ watched, socket }) => watched.size > 0 && socket === undefined);
  }

  /** The interface as it is now. */
  use(link: UsableInterface): void {
    this.#mac = link.mac;
    this.#ownIpv6 = ownIpv6(link);
    this.#responder.useMac(link.mac);
  }

  /** In force after the next `flush`. */
  watch(watched: W): void {
    const { family, value } = watched.address;
    this.#responder.watch(watched);
    this.#sides[family].watched.set(value, watched);
    this.#sides[family].added.push(value);
    if (family === 'ipv6') this.#addToGroup(watched.address);
  }

  unwatch(watched: W): void {
    const { family, value } = watched.address;
    this.#responder.unwatch(watched.address);
    this.#sides[family].watched.delete(value);
    if (family === 'ipv6') this.#removeFromGroup(watched.address);
  }

  /**
   * Makes sockets, filters and groups fit what is watched. The filter may let addresses pass that were taken away; `tidy`
   * makes it narrow again. Whatever fails comes back and is tried again with the next call.
   */
  flush(tidy = false): NetworkError | undefined {
    const failed = this.#flushSide(this.#sides.ipv4, tidy) ?? this.#flushSide(this.#sides.ipv6, tidy);
    return failed ?? this.#joinGroups();
  }

  /** All frames of one announcement. */
  announce({ address }: W): void {
    const counters = this.#deps.counters[address.family];
    for (const frame of announcementFrames(address, this.#mac))
      if (this.#send(address.family, frame)) counters.gratuitousSent++;
  }

  probe({ address }: W): void {
    if (this.#send(address.family, probeFrame(address, this.#mac))) this.#deps.counters[address.family].probesSent++;
    if (address.family === 'ipv6' && this.#ownIpv6 !== undefined)
      this.#send('ipv6', solicitationFrame(address, this.#mac, this.#ownIpv6));
  }

  /** Adds to the counters what the kernel dropped since the last call. */
  countDropped(): void {
    for (const side of this.#bothSides())
      this.#deps.counters[side.family].droppedByKernel += side.socket?.takeDropped() ?? 0;
  }

  close(): void {
    this.countDropped();
    for (const side of this.#bothSides()) closeSide(side);
    for (const [group, { joined }] of this.#groups)
      if (joined) this.#deps.network.leaveGroup(this.name, ipAddress('ipv6', group));
    this.#groups.clear();
  }

  #bothSides(): readonly Side<W>[] {
    return [this.#sides.ipv4, this.#sides.ipv6];
  }

  #flushSide(side: Side<W>, tidy: boolean): NetworkError | undefined {
    if (side.watched.size === 0) {
      if (side.socket !== undefined) this.countDropped();
      closeSide(side);
      return undefined;
    }
    const added = side.added.filter((value) => side.watched.has(value) && !covers(side.spans, value));
    if (side.socket !== undefined && added.length === 0 && !tidy) {
      side.added = [];
      return undefined;
    }
    const anew = tidy || side.socket === undefined || added.length > MANY;
    const spans = anew
      ? coverOf(side.watched.keys(), SPAN_LIMIT)
      : added.reduce((grown, value) => coverWith(grown, value, SPAN_LIMIT), side.spans);
    const error = this.#filter(side, spans);
    if (error !== undefined) return error;
    side.spans = spans;
    side.added = [];
    return undefined;
  }

  #filter(side: Side<W>, spans: readonly Span[]): NetworkError | undefined {
    const filter = side.family === 'ipv4' ? arpFilter(spans) : ndpFilter(spans);
    if (side.socket !== undefined) return side.socket.setFilter(filter);
    const etherType = side.family === 'ipv4' ? EtherType.arp : EtherType.ipv6;
    const opened = this.#deps.network.openFrameSocket(
      { interfaceName: this.name, etherType, filter },
      {
        frame: (bytes) => this.#receive(side.family, bytes),
        // The link went down or away: netlink tells it too, and what follows from it is decided above.
        error: ({ code }) => this.#deps.logger.debug('link lost', { interface: this.name, code }),
      },
    );
    if (!opened.ok) return opened.error;
    side.socket = opened.value;
    return undefined;
  }

  #receive(family: IpFamily, frame: Uint8Array): void {
    const counters = this.#deps.counters[family];
    counters.received++;
    if (this.#deps.isMuted()) {
      counters.dropped.muted++;
      return;
    }
    const outcome: Outcome<W> = family === 'ipv4' ? this.#responder.arp(frame) : this.#responder.ndp(frame);
    if (outcome.kind === 'drop') {
      counters.dropped[outcome.reason]++;
      return;
    }
    if (outcome.reply === undefined) counters.dropped.conflict++;
    else if (this.#send(family, outcome.reply)) counters.answered++;
    else counters.dropped['send-failed']++;
    if (outcome.kind === 'conflict')
      this.#deps.onRival(outcome.watched, { mac: outcome.mac, interface: this.name }, outcome.claim);
  }

  #send(family: IpFamily, frame: Uint8Array): boolean {
    const { socket } = this.#sides[family];
    if (socket === undefined) return false;
    const error = socket.send(frame);
    if (error?.code !== this.#lastError) this.#sendingChanged(error);
    if (error !== undefined) this.#deps.counters[family].sendErrors++;
    return error === undefined;
  }

  #sendingChanged(error: NetworkError | undefined): void {
    this.#lastError = error?.code;
    if (error === undefined) this.#deps.logger.info('sending works again', { interface: this.name });
    else this.#deps.logger.warn('cannot send', { interface: this.name, code: error.code, error: error.message });
  }

  #addToGroup(address: IpAddress): void {
    const { value } = solicitedNodeGroup(address);
    const group = this.#groups.get(value);
    if (group === undefined) this.#groups.set(value, { members: 1, joined: false });
    else group.members++;
  }

  #removeFromGroup(address: IpAddress): void {
    const { value } = solicitedNodeGroup(address);
    const group = this.#groups.get(value);
    if (group === undefined || --group.members > 0) return;
    this.#groups.delete(value);
    if (group.joined) this.#deps.network.leaveGroup(this.name, ipAddress('ipv6', value));
  }

  #joinGroups(): NetworkError | undefined {
    let failed: NetworkError | undefined;
    for (const [value, group] of this.#groups) {
      if (group.joined) continue;
      const error = this.#deps.network.joinGroup(this.name, ipAddress('ipv6', value));
      if (error === undefined) group.joined = true;
      else failed ??= error;
    }
    return failed;
  }
}

const newSide = <W>(family: IpFamily): Side<W> => ({
  family,
  watched: new Map(),
  added: [],
  spans: [],
  socket: undefined,
});

function closeSide(side: Side<unknown>): void {
  side.socket?.close();
  side.socket = undefined;
  side.spans = [];
  side.added = [];
}
