import {
  ErrorCode,
  HEADER,
  HeaderError,
  MARKER,
  MAX_EXTENDED_MESSAGE,
  MAX_MESSAGE,
  MessageType,
  MIN_LENGTH,
} from './constants.ts';
import type { MessageError, WireContext } from './message.ts';
import { uint16At } from './octets.ts';

/** What a message may be as long as (RFC 8654 §4: OPEN and KEEPALIVE never more than before). */
export const maximumLength = (type: number, extendedMessage: boolean): number =>
  extendedMessage && type !== MessageType.open && type !== MessageType.keepalive ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE;

export const lengthAt = (bytes: Uint8Array, start: number): number => uint16At(bytes, start + MARKER);
export const typeAt = (bytes: Uint8Array, start: number): number => bytes[start + MARKER + 2]!;

/**
 * What is wrong with the header at `start`, of which as much is looked at as there is before `end` (RFC 4271 §6.1): a
 * stream that is no BGP is known by its first octet.
 */
export function headerFault(
  bytes: Uint8Array,
  start: number,
  end: number,
  { extendedMessage }: Pick<WireContext, 'extendedMessage'>,
): MessageError | undefined {
  for (let at = start; at < Math.min(start + MARKER, end); at++)
    if (bytes[at] !== 0xff)
      return headerError(
        HeaderError.notSynchronized,
        bytes.subarray(0, 0),
        'the marker is not all ones: this is no BGP, or the stream is out of step (RFC 4271 §6.1)',
      );
  if (start + HEADER > end) return undefined;

  const length = lengthAt(bytes, start);
  const type = typeAt(bytes, start);
  const least = MIN_LENGTH[type];
  const most = maximumLength(type, extendedMessage);
  if (length < HEADER || length > most || (least !== undefined && length < least))
    return lengthError(
      bytes,
      start,
      `a message of type ${type} has ${least ?? HEADER} to ${most} octets, not ${length}`,
    );
  if (type === MessageType.keepalive && length !== HEADER)
    return lengthError(bytes, start, `a KEEPALIVE has ${HEADER} octets, not ${length}`);
  if (least === undefined)
    return headerError(HeaderError.badType, Uint8Array.of(type), `message type ${type} is not known (RFC 4271 §6.1)`);
  return undefined;
}

/** Bad Message Length, with the field as it is. */
export const lengthError = (bytes: Uint8Array, start: number, what: string): MessageError =>
  headerError(HeaderError.badLength, bytes.slice(start + MARKER, start + MARKER + 2), `${what} (RFC 4271 §6.1)`);

const headerError = (subcode: number, data: Uint8Array, message: string): MessageError => ({
  handling: 'reset',
  code: ErrorCode.header,
  subcode,
  data,
  message,
});
