import { afterThisTurn, type Timer } from '../../base/clock.ts';
import type { NetworkError, Stream, StreamHandlers } from '../../network/ports.ts';
import type { ConnectionId } from '../session-events.ts';
import { decodeMessage, encodeMessage } from '../wire/codec.ts';
import { type Framed, Framer } from '../wire/framer.ts';
import type { Message, MessageError, Open, WireContext } from '../wire/message.ts';

export interface ConnectionHandlers {
  connected(): void;
  /** `octets`: of the message as it was on the wire. `error`: what was wrong with it and is mended (RFC 7606). */
  message(message: Message, octets: number, error: MessageError | undefined): void;
  malformed(error: MessageError): void;
  /** Everything that was written is with the kernel. */
  drained(): void;
  /** The other end closed it (undefined), or it broke. */
  closed(error: NetworkError | undefined): void;
}

/** What is understood before the OPENs have met: they look the same in any case. */
const BEFORE_OPEN: WireContext = {
  as4: true,
  addPath: { ipv4: false, ipv6: false },
  extendedMessage: false,
  extendedNextHop: false,
  peerType: 'external',
};

/** Of one connection, in one turn of the event loop: a router that sends without end keeps nobody waiting. */
const MESSAGES_A_TURN = 500;

/** One TCP connection as a sequence of messages, both ways. Says nothing any more once it is closed by us. */
export class Connection implements StreamHandlers {
  readonly id: ConnectionId;
  /** The peer's, as soon as it has come. */
  open: Open | undefined;
  context: WireContext = BEFORE_OPEN;
  readonly #handlers: ConnectionHandlers;
  readonly #framer = new Framer();
  #stream: Stream | undefined;
  #kept = 0;
  #written = 0;
  #acknowledged = 0;
  #messagesThisTurn = 0;
  #turn: Timer | undefined;
  #over = false;

  constructor(id: ConnectionId, handlers: ConnectionHandlers) {
    this.id = id;
    this.#handlers = handlers;
  }

  /** Once, before anything else. */
  use(stream: Stream): void {
    this.#stream = stream;
  }

  get stream(): Stream {
    if (this.#stream === undefined) throw new Error(`${this.id} has no stream`);
    return this.#stream;
  }

  /** Octets that wait for the socket; while there are any, no routes are written. */
  get kept(): number {
    return this.#kept;
  }

  /** Octets on the wire. */
  send(message: Message): number {
    const bytes = encodeMessage(message, this.context);
    this.write([bytes]);
    return bytes.length;
  }

  write(parts: readonly Uint8Array[]): void {
    for (const { length } of parts) this.#written += length;
    this.#kept = this.stream.write(parts);
  }

  /** Whether the router read anything since the last call, or has nothing left to read (RFC 9687). */
  advanced(): boolean {
    const acknowledged = this.#written - this.stream.unacknowledged();
    const moved = acknowledged > this.#acknowledged || acknowledged === this.#written;
    this.#acknowledged = acknowledged;
    return moved;
  }

  /** Returns the stream, which may still have something to deliver. */
  close(how: 'flush' | 'abort'): Stream {
    this.#over = true;
    this.#turn?.stop();
    if (how === 'flush') this.stream.close();
    else this.stream.reset();
    return this.stream;
  }

  connected(): void {
    this.#handlers.connected();
  }

  data(bytes: Uint8Array): void {
    // A copy: what is left of a message at its end is needed after the call.
    this.#framer.add(bytes.slice());
    for (let framed = this.#next(); framed !== undefined; framed = this.#next()) {
      if (framed.kind === 'error') {
        this.#handlers.malformed(framed.error);
        return;
      }
      const decoded = decodeMessage(framed.bytes, this.context);
      if (!decoded.ok) {
        this.#handlers.malformed(decoded.error);
        return;
      }
      this.#messagesThisTurn++;
      if (decoded.message.kind === 'open') this.open = decoded.message;
      this.#handlers.message(decoded.message, framed.bytes.length, decoded.error);
      if (this.#over) return;
    }
    if (this.#messagesThisTurn > 0) this.#turn ??= afterThisTurn(() => this.#nextTurn());
    if (this.#messagesThisTurn > MESSAGES_A_TURN) this.stream.pause();
  }

  drained(): void {
    this.#kept = 0;
    this.#handlers.drained();
  }

  ended(): void {
    this.#handlers.closed(undefined);
  }

  failed(error: NetworkError): void {
    this.#kept = 0;
    this.#handlers.closed(error);
  }

  #next(): Framed | undefined {
    return this.#framer.next(this.context);
  }

  #nextTurn(): void {
    this.#turn = undefined;
    if (this.#messagesThisTurn > MESSAGES_A_TURN) this.stream.resume();
    this.#messagesThisTurn = 0;
  }
}
