import { isDeepStrictEqual } from 'node:util';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { compareIpAddress, formatIpAddress } from '../base/ip-address.ts';
import { type Addon, EAGAIN, ENODEV, EPERM, kernelError, loadAddon, type Poller } from './addon.ts';
import { InterfaceMonitor } from './interface-monitor.ts';
import { RTMGRP_NEIGH } from './netlink/constants.ts';
import { decodeNeighbourDatagram, encodeNeighbourDump, type NeighbourMessage } from './netlink/neighbour.ts';
import { NETLINK_DATAGRAM, openNetlink, receiveFromKernel } from './netlink/socket.ts';
import type { Neighbour, NeighbourNetwork, NeighbourWatch, NetworkError } from './ports.ts';
import { enlargeReceiveBuffer } from './receive-buffer.ts';
import { sendAdvertisement, sendSolicitation } from './router-discovery.ts';

/**
 * The kernel's IPv6 neighbour table, one netlink subscription for all watches. Events are subscribed to first and all is dumped after,
 * as in interface-monitor.ts; when the kernel had to drop events, all is dumped again. A deleted interface takes its entries
 * with it, each with an event of its own.
 */

const EVENT_BUFFER = 1 << 20;
const DUMP_ATTEMPTS = 16;
const DATAGRAMS_PER_TURN = 4096;

/** The addon is missing: an error in words for the user. */
export function linuxNeighbours(): Decoded<NeighbourNetwork, NetworkError> {
  const addon = loadAddon();
  return addon.ok ? decoded(new LinuxNeighbours(addon.value)) : addon;
}

class LinuxNeighbours implements NeighbourNetwork {
  readonly #addon: Addon;
  readonly #watches = new Set<LinuxNeighbourWatch>();
  /** Open while there is a watch. */
  #monitor: NeighbourMonitor | undefined;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  watchNeighbours(interfaceName: string, changed: () => void): Decoded<NeighbourWatch, NetworkError> {
    const index = this.#addon.interfaceIndex(interfaceName);
    if (index < 0) return malformed(kernelError(index, `watch the neighbours of ${interfaceName}`));
    const monitor = this.#monitor ?? this.#openMonitor();
    if (!(monitor instanceof NeighbourMonitor)) return malformed(monitor);
    const watch = new LinuxNeighbourWatch(this.#addon, interfaceName, index, monitor, changed, () => {
      this.#watches.delete(watch);
      if (this.#watches.size > 0) return;
      this.#monitor?.close();
      this.#monitor = undefined;
    });
    this.#watches.add(watch);
    return decoded(watch);
  }

  #openMonitor(): NeighbourMonitor | NetworkError {
    const monitor = NeighbourMonitor.open(this.#addon, () => {
      for (const watch of [...this.#watches]) watch.look();
    });
    if (!monitor.ok) return monitor.error;
    this.#monitor = monitor.value;
    return monitor.value;
  }
}

class LinuxNeighbourWatch implements NeighbourWatch {
  readonly #addon: Addon;
  readonly #name: string;
  readonly #index: number;
  readonly #monitor: NeighbourMonitor;
  readonly #changed: () => void;
  readonly #closed: () => void;
  #open = true;
  #list: readonly Neighbour[];

  constructor(
    addon: Addon,
    name: string,
    index: number,
    monitor: NeighbourMonitor,
    changed: () => void,
    closed: () => void,
  ) {
    this.#addon = addon;
    this.#name = name;
    this.#index = index;
    this.#monitor = monitor;
    this.#changed = changed;
    this.#closed = closed;
    this.#list = monitor.list(index);
  }

  list(): readonly Neighbour[] {
    return this.#list;
  }

  /** Something changed, perhaps here. */
  look(): void {
    const now = this.#monitor.list(this.#index);
    if (!this.#open || isDeepStrictEqual(now, this.#list)) return;
    this.#list = now;
    this.#changed();
  }

  solicit(): NetworkError | undefined {
    return this.#send(sendSolicitation, `ask for routers on ${this.#name}`);
  }

  advertise(): NetworkError | undefined {
    return this.#send(sendAdvertisement, `advertise ourselves on ${this.#name}`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closed();
  }

  #send(send: typeof sendSolicitation, doing: string): NetworkError | undefined {
    // Another interface may have the name by now.
    const name = this.#addon.interfaceName(this.#index);
    if (name === undefined) return kernelError(ENODEV, doing);
    const links = InterfaceMonitor.open(this.#addon, { removed: () => {}, changed: () => {} });
    if (!links.ok) return links.error;
    const mac = links.value.list().find(({ index }) => index === this.#index)?.mac;
    links.value.close();
    const result = send(this.#addon, name, mac);
    if (result >= 0) return undefined;
    const error = kernelError(result, doing);
    return result === EPERM ? { ...error, message: `${error.message}; it needs the capability NET_RAW` } : error;
  }
}

class NeighbourMonitor {
  readonly #addon: Addon;
  readonly #events: number;
  readonly #changed: () => void;
  readonly #buffer = new Uint8Array(NETLINK_DATAGRAM);
  /** By interface, then by address. */
  #table = new Map<number, Map<string, Neighbour>>();
  #poller: Poller | undefined;
  #sequence = 0;
  /** Events were lost and dumping failed: tried again with the next event. */
  #stale = false;

  private constructor(addon: Addon, events: number, changed: () => void) {
    this.#addon = addon;
    this.#events = events;
    this.#changed = changed;
  }

  static open(addon: Addon, changed: () => void): Decoded<NeighbourMonitor, NetworkError> {
    const events = openNetlink(addon, RTMGRP_NEIGH);
    if (events < 0) return malformed(kernelError(events, 'open a netlink socket for neighbour events'));
    enlargeReceiveBuffer(addon, events, EVENT_BUFFER);
    const monitor = new NeighbourMonitor(addon, events, changed);
    const dumped = monitor.#dumpAll();
    const poller = dumped < 0 ? dumped : addon.startPolling(events, (error) => monitor.#ready(error));
    if (typeof poller === 'number') {
      monitor.close();
      return malformed(kernelError(poller, 'list the neighbours'));
    }
    monitor.#poller = poller;
    return decoded(monitor);
  }

  list(index: number): readonly Neighbour[] {
    const entries = [...(this.#table.get(index)?.values() ?? [])];
    return entries.sort((a, b) => compareIpAddress(a.address, b.address));
  }

  close(): void {
    if (this.#poller !== undefined) this.#addon.stopPolling(this.#poller);
    this.#poller = undefined;
    this.#addon.closeNow(this.#events);
  }

  #ready(error: number): void {
    if (error < 0) this.#stale = true;
    for (let turn = 0; turn < DATAGRAMS_PER_TURN; turn++) {
      const length = receiveFromKernel(this.#addon, this.#events, this.#buffer);
      if (length === EAGAIN) break;
      if (length < 0) this.#stale = true;
      else
        for (const message of decodeNeighbourDatagram(this.#buffer.subarray(0, length)).messages) this.#apply(message);
    }
    if (this.#stale) this.#stale = this.#dumpAll() < 0;
    this.#changed();
  }

  #apply(message: NeighbourMessage): void {
    if (message.kind === 'done') return;
    const entries = this.#table.get(message.index) ?? new Map<string, Neighbour>();
    const key = formatIpAddress(message.neighbour.address);
    if (message.kind === 'neighbour') entries.set(key, message.neighbour);
    else entries.delete(key);
    if (entries.size > 0) this.#table.set(message.index, entries);
    else this.#table.delete(message.index);
  }

  /** 0, or -errno; then the table is what it was. */
  #dumpAll(): number {
    for (let attempt = 1; ; attempt++) {
      const dump = this.#dump();
      if (typeof dump === 'number') return dump;
      if (dump.interrupted && attempt < DUMP_ATTEMPTS) continue;
      this.#table = new Map();
      for (const message of dump.messages) this.#apply(message);
      return 0;
    }
  }

  /** The kernel writes a dump while it is read: there is always something to receive until it says that it is done. */
  #dump(): { messages: readonly NeighbourMessage[]; interrupted: boolean } | number {
    const fd = openNetlink(this.#addon, 0);
    if (fd < 0) return fd;
    try {
      const sent = this.#addon.send(fd, encodeNeighbourDump(++this.#sequence));
      if (sent < 0) return sent;
      const all: NeighbourMessage[] = [];
      let interrupted = false;
      for (;;) {
        const length = receiveFromKernel(this.#addon, fd, this.#buffer);
        if (length < 0) return length;
        const datagram = decodeNeighbourDatagram(this.#buffer.subarray(0, length));
        interrupted ||= datagram.interrupted;
        for (const message of datagram.messages) {
          if (message.kind !== 'done') all.push(message);
          else return message.error < 0 ? message.error : { messages: all, interrupted };
        }
      }
    } finally {
      this.#addon.closeNow(fd);
    }
  }
}
