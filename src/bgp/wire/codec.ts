import { ByteWriter } from '../../base/byte-writer.ts';
import { unreachable } from '../../base/errors.ts';
import { writeAttributes } from './attribute-encoder.ts';
import { HEADER, MARKER, MAX_MESSAGE, MessageType } from './constants.ts';
import { headerFault, lengthAt, lengthError, maximumLength, typeAt } from './header.ts';
import type { DecodedMessage, Message, Notification, PartialMessage, Update, WireContext } from './message.ts';
import { decodeOpen, writeOpen } from './open.ts';
import { decodeRouteRefresh, writeRouteRefresh } from './route-refresh.ts';
import { decodeUpdate } from './update.ts';

/*
 * BGP messages: octets to values and back. Somebody else's octets never throw; what is wrong with them is a value that says
 * what the RFC wants done. What a session agreed on is the context, of the direction in which the message goes.
 *
 * Deliberately missing: the prefixes of other families than IPv4 and IPv6 unicast, the values of attributes that an announcing
 * speaker has no use for, and route filters (RFC 5291); all of them are kept as octets.
 *
 * Standards: RFC 4271, 4760, 7606, 6793, 5492, 9072, 8654, 2918, 7313, 4724, 8538, 9003, 8950, 2545, 7911, 1997, 4360, 8092,
 * 4456, 5065, 6286, 7607, 9234, 9687.
 */

const KEEPALIVE = { kind: 'keepalive' } as const;

/** One whole message, header included. What it keeps are views of `bytes`. */
export function decodeMessage(bytes: Uint8Array, context: WireContext): DecodedMessage {
  const fault = headerFault(bytes, 0, bytes.length, context);
  if (fault !== undefined) return { ok: false, error: fault, read: partial(bytes) };
  if (bytes.length < HEADER || lengthAt(bytes, 0) !== bytes.length) {
    const what = `${bytes.length} octets are no whole message${bytes.length < HEADER ? '' : ` of ${lengthAt(bytes, 0)}`}`;
    return { ok: false, error: lengthError(bytes, 0, what), read: partial(bytes) };
  }
  switch (typeAt(bytes, 0)) {
    case MessageType.update:
      return decodeUpdate(bytes, context);
    case MessageType.keepalive:
      return { ok: true, message: KEEPALIVE };
    case MessageType.open:
      return decodeOpen(bytes);
    case MessageType.notification:
      return { ok: true, message: readNotification(bytes) };
    default: // headerFault knows no other types
      return decodeRouteRefresh(bytes);
  }
}

const KINDS: Readonly<Record<number, PartialMessage['kind']>> = {
  [MessageType.open]: 'open',
  [MessageType.update]: 'update',
  [MessageType.notification]: 'notification',
  [MessageType.keepalive]: 'keepalive',
  [MessageType.routeRefresh]: 'route-refresh',
};

const partial = (bytes: Uint8Array): PartialMessage => ({
  kind: bytes.length < HEADER ? undefined : KINDS[typeAt(bytes, 0)],
});

/** RFC 4271 §4.5. */
const readNotification = (bytes: Uint8Array): Notification => ({
  kind: 'notification',
  code: bytes[HEADER]!,
  subcode: bytes[HEADER + 1]!,
  data: bytes.subarray(HEADER + 2),
});

/**
 * Our own messages, so a message that is larger than was agreed is a mistake of ours and throws; only the data of a
 * NOTIFICATION, which may be the peer's whole message, is cut.
 */
export function encodeMessage(message: Message, context: WireContext): Uint8Array {
  const writer = new ByteWriter();
  writer.bytes(ALL_ONES).uint16(0).uint8(typeOf(message));
  writeBody(writer, message, context);
  const limit = maximumLength(typeOf(message), context.extendedMessage);
  if (writer.length > limit)
    throw new RangeError(`${message.kind} of ${writer.length} octets; ${limit} were agreed (RFC 8654 §4)`);
  return writer.patchUint16(MARKER, writer.length).finish();
}

const ALL_ONES = new Uint8Array(MARKER).fill(0xff);

function typeOf({ kind }: Message): number {
  switch (kind) {
    case 'open':
      return MessageType.open;
    case 'update':
      return MessageType.update;
    case 'notification':
      return MessageType.notification;
    case 'keepalive':
      return MessageType.keepalive;
    case 'route-refresh':
      return MessageType.routeRefresh;
  }
}

function writeBody(writer: ByteWriter, message: Message, context: WireContext): void {
  switch (message.kind) {
    case 'open':
      writeOpen(writer, message);
      return;
    case 'update':
      writeUpdate(writer, message, context);
      return;
    case 'notification':
      writer
        .uint8(message.code)
        .uint8(message.subcode)
        .bytes(message.data.subarray(0, MAX_MESSAGE - HEADER - 2));
      return;
    case 'keepalive':
      return;
    case 'route-refresh':
      writeRouteRefresh(writer, message);
      return;
    default:
      unreachable(message);
  }
}

function writeUpdate(writer: ByteWriter, { withdrawn, attributes, announced }: Update, context: WireContext): void {
  writer.uint16(withdrawn.bytes.length).bytes(withdrawn.bytes).uint16(0);
  const start = writer.length;
  writeAttributes(writer, attributes, context);
  writer.patchUint16(start - 2, writer.length - start).bytes(announced.bytes);
}
