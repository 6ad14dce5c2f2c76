import type { NetworkError, SocketEndpoint, Stream, StreamHandlers, StreamNetwork } from '../../network/ports.ts';
import { Connection } from '../connection/driver.ts';
import { type BgpPeer, hopLimits } from '../peer.ts';
import type { ConnectionId, SessionEvent } from '../session-events.ts';
import { connectFailure, connectionLost, remoteName } from '../transport-words.ts';
import type { Message, MessageError } from '../wire/message.ts';

/** An event of the session; when it happens is added by who hands it on. */
export type SessionInput = SessionEvent extends infer E ? (E extends unknown ? Omit<E, 'now'> : never) : never;

export interface TransportOptions {
  readonly streams: StreamNetwork;
  readonly tell: (event: SessionInput) => void;
  /** A message has come, before the session is told; `error` is what was wrong with it and is mended (RFC 7606). */
  readonly received: (from: Connection, message: Message, octets: number, error: MessageError | undefined) => void;
  /** All that was written is with the kernel. */
  readonly drained: (connection: Connection) => void;
}

/** The TCP connections of one peer, mostly one, while they collide several: made, accepted, lost, each told to the session. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #connections = new Map<ConnectionId, Connection>();
  #peer: BgpPeer;
  #remote: SocketEndpoint | undefined;
  #accepted = 0;

  constructor(options: TransportOptions, peer: BgpPeer) {
    this.#options = options;
    this.#peer = peer;
    this.#remote = this.#fixedRemote();
  }

  /** Where the router is; undefined while that of an unnumbered one is not known. */
  get remote(): SocketEndpoint | undefined {
    return this.#remote;
  }

  /** For people. */
  get where(): string {
    return remoteName(this.#peer, this.#remote);
  }

  get idle(): boolean {
    return this.#connections.size === 0;
  }

  find(id: ConnectionId): Connection | undefined {
    return this.#connections.get(id);
  }

  /** Holds for connections to come; the passwords for those that exist as well. The error is about these. */
  configure(peer: BgpPeer): NetworkError | undefined {
    const before = this.#peer.transport;
    this.#peer = peer;
    this.#remote = this.#fixedRemote() ?? this.#foundOn(before.remote);
    const { passwords } = peer.transport;
    let refused: NetworkError | undefined;
    if (before.passwords.join('\0') !== passwords.join('\0'))
      for (const { stream } of this.#connections.values()) refused ??= stream.setPasswords(passwords);
    return refused;
  }

  /** Of an unnumbered peer. */
  found(remote: SocketEndpoint): void {
    this.#remote = remote;
  }

  connect(id: ConnectionId): void {
    const connection = this.#add(id, false);
    const { source, device, passwords } = this.#peer.transport;
    const fail = (message: string): void => {
      this.#connections.delete(id);
      this.#options.tell({ kind: 'connect-failed', connection: id, message });
    };
    if (this.#remote === undefined) {
      fail(`no router is known on ${this.where}`);
      return;
    }
    const stream = this.#options.streams.connect(
      { remote: this.#remote, source, device, passwords, ...hopLimits(this.#peer.transport) },
      connection,
    );
    if (stream.ok) connection.use(stream.value);
    else fail(connectFailure(this.#peer, this.where, stream.error));
  }

  accept(stream: Stream): StreamHandlers {
    const id: ConnectionId = `in ${this.#accepted++}`;
    const connection = this.#add(id, true);
    connection.use(stream);
    this.#options.tell({ kind: 'accepted', connection: id });
    return connection;
  }

  /** Returns the stream, which may still have something to deliver. */
  close(id: ConnectionId, how: 'flush' | 'abort'): Stream | undefined {
    const connection = this.#connections.get(id);
    this.#connections.delete(id);
    return connection?.close(how);
  }

  closeAll(): void {
    for (const id of [...this.#connections.keys()]) this.close(id, 'abort');
  }

  #fixedRemote(): SocketEndpoint | undefined {
    const { remote, port } = this.#peer.transport;
    return remote.kind === 'address' ? { address: remote.address, port } : undefined;
  }

  /** What was found stays good while it is the same interface. */
  #foundOn(before: BgpPeer['transport']['remote']): SocketEndpoint | undefined {
    const { remote, port } = this.#peer.transport;
    if (remote.kind !== 'interface' || before.kind !== 'interface' || remote.interface !== before.interface)
      return undefined;
    return this.#remote && { ...this.#remote, port };
  }

  #add(id: ConnectionId, accepted: boolean): Connection {
    const { tell, received, drained } = this.#options;
    let there = accepted;
    const connection = new Connection(id, {
      connected: () => {
        there = true;
        tell({ kind: 'connected', connection: id });
      },
      message: (message, octets, error) => {
        received(connection, message, octets, error);
        tell({ kind: 'received', connection: id, message });
      },
      malformed: (error) => tell({ kind: 'malformed', connection: id, error }),
      drained: () => {
        tell({ kind: 'written', connection: id });
        drained(connection);
      },
      closed: (error) => {
        if (there) tell({ kind: 'closed', connection: id, message: connectionLost(this.where, error) });
        else if (error !== undefined)
          tell({ kind: 'connect-failed', connection: id, message: connectFailure(this.#peer, this.where, error) });
        // The session has closed it, unless it knew nothing of it any more.
        this.close(id, 'abort');
      },
    });
    this.#connections.set(id, connection);
    return connection;
  }
}
