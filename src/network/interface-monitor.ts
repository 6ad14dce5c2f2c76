import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { type Addon, EAGAIN, kernelError, type Poller } from './addon.ts';
import { InterfaceTable } from './interface-table.ts';
import { RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK } from './netlink/constants.ts';
import { decodeRouteDatagram, encodeDumpRequest, type RouteMessage } from './netlink/route.ts';
import { NETLINK_DATAGRAM, openNetlink, receiveFromKernel } from './netlink/socket.ts';
import type { NetworkError, NetworkInterface } from './ports.ts';
import { enlargeReceiveBuffer } from './receive-buffer.ts';

/**
 * Keeps an InterfaceTable current. Events are subscribed to first and everything is dumped after, over a second socket, so
 * that nothing falls between the two; events older than the dump are repeated into it, and since they end where the dump
 * ends, so does the table. When the kernel had to drop events (ENOBUFS), everything is dumped again.
 * One waking reads all that waits, and tells of it once.
 */

const EVENT_BUFFER = 1 << 20;
/** Interrupted that often, changes come faster than they can be dumped, and the events repair what the last dump lacks. */
const DUMP_ATTEMPTS = 16;
const DATAGRAMS_PER_TURN = 4096;

export interface MonitorHandlers {
  /** The link with that index was deleted; another one may have its name, or even its index, by now. */
  removed(index: number): void;
  /** `list()` shows something new. */
  changed(): void;
}

export class InterfaceMonitor {
  readonly #addon: Addon;
  readonly #handlers: MonitorHandlers;
  readonly #events: number;
  readonly #dumps: number;
  readonly #table = new InterfaceTable();
  readonly #buffer = new Uint8Array(NETLINK_DATAGRAM);
  #poller: Poller | undefined;
  #sequence = 0;
  /** Events were lost and dumping failed: tried again with the next event. */
  #stale = false;

  private constructor(addon: Addon, events: number, dumps: number, handlers: MonitorHandlers) {
    this.#addon = addon;
    this.#events = events;
    this.#dumps = dumps;
    this.#handlers = handlers;
  }

  static open(addon: Addon, handlers: MonitorHandlers): Decoded<InterfaceMonitor, NetworkError> {
    const events = openNetlink(addon, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    if (events < 0) return malformed(kernelError(events, 'open a netlink socket for interface events'));
    enlargeReceiveBuffer(addon, events, EVENT_BUFFER);
    const dumps = openNetlink(addon, 0);
    if (dumps < 0) {
      addon.close(events);
      return malformed(kernelError(dumps, 'open a netlink socket'));
    }
    const monitor = new InterfaceMonitor(addon, events, dumps, handlers);
    const failure = monitor.#start();
    if (failure === 0) return decoded(monitor);
    monitor.close();
    return malformed(kernelError(failure, 'list the interfaces'));
  }

  list(): readonly NetworkInterface[] {
    return this.#table.list();
  }

  close(): void {
    if (this.#poller !== undefined) this.#addon.stopPolling(this.#poller);
    this.#poller = undefined;
    this.#addon.close(this.#events);
    this.#addon.close(this.#dumps);
  }

  #start(): number {
    const dumped = this.#dumpAll();
    if (dumped < 0) return dumped;
    const poller = this.#addon.startPolling(this.#events, (error) => this.#ready(error));
    if (typeof poller === 'number') return poller;
    this.#poller = poller;
    return 0;
  }

  #ready(error: number): void {
    const before = this.#table.list();
    const removed = new Set<number>();
    if (error < 0) this.#stale = true;
    for (let turn = 0; turn < DATAGRAMS_PER_TURN; turn++) {
      const length = receiveFromKernel(this.#addon, this.#events, this.#buffer);
      if (length === EAGAIN) break;
      if (length < 0) this.#stale = true;
      else if (length > 0) this.#apply(decodeRouteDatagram(this.#buffer.subarray(0, length)).messages, removed);
    }
    if (this.#stale) this.#stale = this.#dumpAll() < 0;
    const now = this.#table.list();
    const present = new Set(now.map(({ index }) => index));
    for (const { index } of before) if (!present.has(index)) removed.add(index);
    for (const index of removed) this.#handlers.removed(index);
    // A handler may have closed us.
    if (now !== before && this.#poller !== undefined) this.#handlers.changed();
  }

  #apply(messages: readonly RouteMessage[], removed: Set<number>): void {
    for (const message of messages) {
      this.#table.apply(message);
      if (message.kind === 'link-removed') removed.add(message.index);
    }
  }

  /** 0, or -errno; then the table is what it was. */
  #dumpAll(): number {
    for (let attempt = 1; ; attempt++) {
      const links = this.#dump('links');
      if (typeof links === 'number') return links;
      const addresses = this.#dump('addresses');
      if (typeof addresses === 'number') return addresses;
      if ((links.interrupted || addresses.interrupted) && attempt < DUMP_ATTEMPTS) continue;
      this.#table.clear();
      for (const message of [...links.messages, ...addresses.messages]) this.#table.apply(message);
      return 0;
    }
  }

  /** The kernel writes a dump while it is read: there is always something to receive until it says that it is done. */
  #dump(what: 'links' | 'addresses'): { messages: readonly RouteMessage[]; interrupted: boolean } | number {
    const sent = this.#addon.send(this.#dumps, encodeDumpRequest(what, ++this.#sequence));
    if (sent < 0) return sent;
    const all: RouteMessage[] = [];
    let interrupted = false;
    for (;;) {
      const length = receiveFromKernel(this.#addon, this.#dumps, this.#buffer);
      if (length < 0) return length;
      const datagram = decodeRouteDatagram(this.#buffer.subarray(0, length));
      interrupted ||= datagram.interrupted;
      for (const message of datagram.messages) {
        if (message.kind !== 'done') all.push(message);
        else return message.error < 0 ? message.error : { messages: all, interrupted };
      }
    }
  }
}
