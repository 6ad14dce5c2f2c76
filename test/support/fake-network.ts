import { isDeepStrictEqual } from 'node:util';
import { type Decoded, decoded, malformed } from '../../src/base/decoded.ts';
import { compareIpAddress, formatIpAddress, type IpAddress, ipAddressToBytes } from '../../src/base/ip-address.ts';
import { BROADCAST_MAC, type MacAddress, macAddressFromBytes } from '../../src/base/mac-address.ts';
import type {
  BpfInstruction,
  FrameHandlers,
  FrameSocket,
  FrameSocketOptions,
  InterfaceAddress,
  InterfaceWatch,
  Network,
  NetworkError,
  NetworkInterface,
} from '../../src/network/ports.ts';
import { faultOfProgram, runProgram } from './bpf-interpreter.ts';

/**
 * A network in memory. A `FakeSegment` is a switch; every `FakeNetwork` is one host, its interfaces plugged into segments.
 * It is as strict as real hardware may be: multicast arrives only for joined groups, received bytes are overwritten after the
 * handler returns, and foreign unicast is not seen. It passes the contract suite of test/network/contract.ts, as the real one does.
 */

const FIRST_DATA_BYTE = 14;
const ALL_NODES_MAC = '33:33:00:00:00:01' as MacAddress;

/** What is plugged into a segment. */
interface Port {
  receive(frame: Uint8Array): void;
}

/** A test's own machine on a segment: sees every frame but its own, sends whatever it likes. */
export interface FakeStation {
  send(frame: Uint8Array): void;
  /** Every frame seen so far. */
  readonly received: readonly Uint8Array[];
}

export class FakeSegment {
  readonly #explicit: boolean;
  readonly #ports = new Set<Port>();
  readonly #queue: (() => void)[] = [];
  #delivering = false;

  /** `at-once`: a frame is delivered before `send` returns, in order of sending. `explicit`: only by `deliver()`. */
  constructor(delivery: 'at-once' | 'explicit' = 'at-once') {
    this.#explicit = delivery === 'explicit';
  }

  addStation(receive?: (frame: Uint8Array) => void): FakeStation {
    const received: Uint8Array[] = [];
    const port: Port = {
      receive: (frame) => {
        received.push(frame.slice());
        receive?.(frame);
      },
    };
    this.#ports.add(port);
    return { send: (frame) => this.transmit(port, frame), received };
  }

  /** Hands over all that is under way, and what is sent meanwhile. */
  deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    } finally {
      this.#delivering = false;
    }
  }

  transmit(from: Port, frame: Uint8Array): void {
    const copy = frame.slice();
    this.later(() => {
      for (const port of [...this.#ports]) if (port !== from) port.receive(copy);
    });
    if (!this.#explicit) this.deliver();
  }

  /** Does it with the next delivery. */
  later(action: () => void): void {
    this.#queue.push(action);
  }

  plug(port: Port): void {
    this.#ports.add(port);
  }
  unplug(port: Port): void {
    this.#ports.delete(port);
  }
}

export interface FakeInterfaceOptions {
  readonly name: string;
  readonly segment: FakeSegment;
  readonly mac: MacAddress;
  readonly addresses?: readonly InterfaceAddress[];
  /** Default: up. */
  readonly up?: boolean;
  readonly master?: number;
  readonly mtu?: number;
}

type Changeable = Partial<Pick<NetworkInterface, 'name' | 'mac' | 'up' | 'master' | 'mtu' | 'addresses'>>;
type Call = 'open' | 'send' | 'setFilter' | 'watch' | 'join';

interface Socket {
  readonly etherType: number;
  readonly handlers: FrameHandlers;
  filter: readonly BpfInstruction[];
  dropped: number;
}

interface Membership {
  readonly link: FakeInterface;
  readonly group: IpAddress;
  count: number;
}

class FakeInterface implements Port {
  readonly segment: FakeSegment;
  readonly sockets = new Set<Socket>();
  /** The MAC addresses of the groups joined; an address is there once for each membership. */
  readonly groupMacs: MacAddress[] = [];
  value: NetworkInterface;

  constructor(segment: FakeSegment, value: NetworkInterface) {
    this.segment = segment;
    this.value = value;
  }

  receive(frame: Uint8Array): void {
    if (!this.value.up || this.value.master !== undefined || !this.#isForUs(frame)) return;
    for (const socket of [...this.sockets]) {
      const closedMeanwhile = !this.sockets.has(socket);
      if (closedMeanwhile || ((frame[12]! << 8) | frame[13]!) !== socket.etherType) continue;
      const kept = frame.slice(0, runProgram(socket.filter, frame));
      if (kept.length === 0) continue;
      socket.handlers.frame(kept);
      kept.fill(0xee); // valid only during the call
    }
  }

  #isForUs(frame: Uint8Array): boolean {
    if (frame.length < FIRST_DATA_BYTE) return false;
    const destination = macAddressFromBytes(frame);
    if (destination === BROADCAST_MAC || destination === this.value.mac || destination === ALL_NODES_MAC) return true;
    if (!destination.startsWith('33:33:')) return (frame[0]! & 1) === 1;
    return this.groupMacs.includes(destination);
  }
}

/** One host. What changes its interfaces tells its watches and sockets before it returns. */
export class FakeNetwork implements Network {
  readonly #interfaces = new Map<number, FakeInterface>();
  readonly #watches = new Set<() => void>();
  readonly #failures = new Map<Call, string>();
  /** By the name that the interface had when it was joined. */
  readonly #memberships = new Map<string, Membership>();
  #list: readonly NetworkInterface[] = [];
  #nextIndex = 2;

  addInterface(options: FakeInterfaceOptions): void {
    const index = this.#nextIndex++;
    const link = new FakeInterface(options.segment, {
      index,
      name: options.name,
      mac: options.mac,
      up: options.up ?? true,
      loopback: false,
      broadcast: true,
      master: options.master,
      mtu: options.mtu ?? 1500,
      addresses: sorted(options.addresses ?? []),
    });
    this.#interfaces.set(index, link);
    options.segment.plug(link);
    this.#tell();
  }

  /** Link down, another MAC, other addresses, another name. */
  changeInterface(name: string, change: Changeable): void {
    const link = this.#named(name);
    if (link === undefined) throw new Error(`there is no interface ${name}`);
    const before = link.value;
    const now = { ...link.value, ...change, addresses: sorted(change.addresses ?? link.value.addresses) };
    if (isDeepStrictEqual(before, now)) return;
    link.value = now;
    this.#list = this.#values();
    if (before.up && !now.up)
      for (const socket of [...link.sockets]) socket.handlers.error(errorOf('ENETDOWN', `read ${name}`));
    this.#tell();
  }

  removeInterface(name: string): void {
    const link = this.#named(name);
    if (link === undefined) throw new Error(`there is no interface ${name}`);
    link.segment.unplug(link);
    this.#interfaces.delete(link.value.index);
    this.#list = this.#values();
    for (const socket of [...link.sockets]) socket.handlers.error(errorOf('ENODEV', `read ${name}`));
    link.sockets.clear();
    this.#tell();
  }

  /** Such calls fail with this code until `code` is undefined. */
  fail(call: Call, code: string | undefined): void {
    if (code === undefined) this.#failures.delete(call);
    else this.#failures.set(call, code);
  }

  /** Pretends that the kernel dropped frames of every socket of that interface. */
  addDropped(name: string, count: number): void {
    for (const socket of this.#named(name)?.sockets ?? []) socket.dropped += count;
  }

  /** The groups joined on that interface, as text, sorted. */
  groupsOf(name: string): readonly string[] {
    const link = this.#named(name);
    const joined = [...this.#memberships.values()].filter((membership) => membership.link === link);
    return [...new Set(joined.map(({ group }) => formatIpAddress(group)))].sort();
  }

  /** Sockets open on that interface. */
  socketCount(name: string): number {
    return this.#named(name)?.sockets.size ?? 0;
  }

  openFrameSocket(options: FrameSocketOptions, handlers: FrameHandlers): Decoded<FrameSocket, NetworkError> {
    const doing = `open a packet socket on ${options.interfaceName}`;
    const link = this.#named(options.interfaceName);
    const code = this.#failures.get('open') ?? (link === undefined ? 'ENODEV' : codeOfFilter(options.filter));
    if (code !== undefined || link === undefined) return malformed(errorOf(code ?? 'ENODEV', doing));
    const socket: Socket = { etherType: options.etherType, handlers, filter: options.filter, dropped: 0 };
    let closed = false;
    link.sockets.add(socket);
    if (!link.value.up)
      link.segment.later(() => {
        if (link.sockets.has(socket)) handlers.error(errorOf('ENETDOWN', `read ${options.interfaceName}`));
      });
    return decoded({
      send: (frame) => {
        const failure = this.#failures.get('send') ?? (closed ? 'EBADF' : codeOfSend(this.#interfaces, link, frame));
        if (failure !== undefined) return errorOf(failure, `send on ${options.interfaceName}`);
        link.segment.transmit(link, frame);
        return undefined;
      },
      setFilter: (filter) => {
        const failure = this.#failures.get('setFilter') ?? (closed ? 'EBADF' : codeOfFilter(filter));
        if (failure !== undefined) return errorOf(failure, `set the filter on ${options.interfaceName}`);
        socket.filter = filter;
        return undefined;
      },
      takeDropped: () => {
        const { dropped } = socket;
        socket.dropped = 0;
        return dropped;
      },
      close: () => {
        closed = true;
        link.sockets.delete(socket);
      },
    });
  }

  watchInterfaces(changed: () => void): Decoded<InterfaceWatch, NetworkError> {
    const code = this.#failures.get('watch');
    if (code !== undefined) return malformed(errorOf(code, 'watch interfaces'));
    const watch = (): void => changed();
    this.#watches.add(watch);
    return decoded({ list: () => this.#list, close: () => void this.#watches.delete(watch) });
  }

  joinGroup(interfaceName: string, group: IpAddress): NetworkError | undefined {
    const link = this.#named(interfaceName);
    const code = this.#failures.get('join') ?? (link === undefined ? 'ENODEV' : undefined);
    const wrong = group.family === 'ipv6' ? code : 'EAFNOSUPPORT';
    if (wrong !== undefined || link === undefined)
      return errorOf(wrong ?? 'ENODEV', `join ${formatIpAddress(group)} on ${interfaceName}`);
    const key = `${interfaceName} ${formatIpAddress(group)}`;
    const known = this.#memberships.get(key);
    if (known?.link === link) known.count++;
    else {
      this.#memberships.set(key, { link, group, count: 1 });
      link.groupMacs.push(macOfGroup(group));
    }
    return undefined;
  }

  leaveGroup(interfaceName: string, group: IpAddress): void {
    const key = `${interfaceName} ${formatIpAddress(group)}`;
    const known = this.#memberships.get(key);
    if (known === undefined || --known.count > 0) return;
    this.#memberships.delete(key);
    known.link.groupMacs.splice(known.link.groupMacs.indexOf(macOfGroup(group)), 1);
  }

  #named(name: string): FakeInterface | undefined {
    return [...this.#interfaces.values()].find(({ value }) => value.name === name);
  }

  #values(): readonly NetworkInterface[] {
    return [...this.#interfaces.values()].map(({ value }) => value);
  }

  #tell(): void {
    this.#list = this.#values();
    for (const changed of [...this.#watches]) changed();
  }
}

const errorOf = (code: string, doing: string): NetworkError => ({ code, message: `cannot ${doing}: ${code}` });

/** The real network puts four instructions before the program. */
const codeOfFilter = (filter: readonly BpfInstruction[]): string | undefined =>
  filter.length > 4092 || faultOfProgram(filter) !== undefined ? 'EINVAL' : undefined;

function codeOfSend(present: ReadonlyMap<number, FakeInterface>, link: FakeInterface, frame: Uint8Array) {
  if (present.get(link.value.index) !== link) return 'ENXIO';
  if (!link.value.up) return 'ENETDOWN';
  if (frame.length < FIRST_DATA_BYTE) return 'EINVAL';
  return frame.length > link.value.mtu + FIRST_DATA_BYTE ? 'EMSGSIZE' : undefined;
}

const sorted = (addresses: readonly InterfaceAddress[]): readonly InterfaceAddress[] =>
  addresses.toSorted((a, b) => compareIpAddress(a.address, b.address) || a.prefixLength - b.prefixLength);

/** RFC 2464 §7. */
function macOfGroup(group: IpAddress): MacAddress {
  return macAddressFromBytes(Uint8Array.of(0x33, 0x33, ...ipAddressToBytes(group).subarray(12)));
}
