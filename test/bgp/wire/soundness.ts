import { messageJson } from '../../../src/bgp/message-json.ts';
import { decodeMessage, encodeMessage } from '../../../src/bgp/wire/codec.ts';
import type { Message, MessageError, Nlri, Update, WireContext } from '../../../src/bgp/wire/message.ts';
import { countPrefixes, ipFamilyOf, prefixesOf } from '../../../src/bgp/wire/nlri.ts';
import { notificationOf } from '../../../src/bgp/wire/notification.ts';
import { hexOf } from './octets.ts';

/** Every code and subcode that a decoder may have a NOTIFICATION sent with. */
const CODES: Readonly<Record<number, readonly number[]>> = {
  1: [1, 2, 3],
  2: [0, 1, 2, 3, 4, 6],
  3: [1, 2, 3, 4, 5, 6, 8, 9, 10, 11],
  7: [0, 1],
};

/**
 * What must hold for any octets whatever: nothing is thrown, what is accepted is a message that says the same when it is written
 * again, what is mended withdraws and announces nothing, and what is refused has a NOTIFICATION that can be sent. Undefined:
 * all of it holds. Says itself what does not, so that a fuzzer that is no test can use it.
 */
export function unsoundness(bytes: Uint8Array, context: WireContext): string | undefined {
  try {
    JSON.stringify(messageJson(bytes, context));
    const read = decodeMessage(bytes, context);
    if (!read.ok) return unsoundError(read.error, 'reset', context);
    const { message, error } = read;
    if (error === undefined) return unsoundMessage(message, context);
    if (message.kind === 'update' && error.handling === 'treat-as-withdraw' && announces(message))
      return 'prefixes are announced that are to be withdrawn';
    return unsoundError(error, undefined, context) ?? (message.kind === 'update' ? unsoundUpdate(message) : undefined);
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
}

const announces = ({ announced, attributes }: Update): boolean =>
  announced.bytes.length > 0 || attributes.mpReach !== undefined;

function unsoundError(error: MessageError, handling: 'reset' | undefined, context: WireContext): string | undefined {
  if (handling !== undefined && error.handling !== handling) return `refused, but to be handled by ${error.handling}`;
  if (handling === undefined && error.handling === 'reset') return 'accepted, but to be reset';
  if (CODES[error.code]?.includes(error.subcode) !== true)
    return `no such NOTIFICATION: ${error.code}/${error.subcode}`;
  if (error.message === '') return 'an error without words';
  const sent = encodeMessage(notificationOf(error), { ...context, extendedMessage: false });
  return decodeMessage(sent, context).ok ? undefined : 'a NOTIFICATION that nobody can read';
}

function unsoundMessage(message: Message, context: WireContext): string | undefined {
  const again = decodeMessage(encodeMessage(message, { ...context, extendedMessage: true }), {
    ...context,
    extendedMessage: true,
  });
  if (!again.ok || again.error !== undefined) return `written again it is in error: ${again.error?.message}`;
  const [before, after] = [textOf(message), textOf(again.message)];
  if (before !== after) return `written again it is another message:\n${before}\n${after}`;
  return message.kind === 'update' ? unsoundUpdate(message) : undefined;
}

function unsoundUpdate({ withdrawn, announced, attributes }: Update): string | undefined {
  for (const nlri of [withdrawn, announced, attributes.mpReach?.nlri, attributes.mpUnreach]) {
    const fault = nlri && unsoundNlri(nlri);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function unsoundNlri(nlri: Nlri): string | undefined {
  const family = ipFamilyOf(nlri.family);
  if (family === undefined) return undefined;
  const prefixes = prefixesOf(nlri);
  if (prefixes.length !== countPrefixes(nlri)) return 'prefixes are not counted as they are read';
  const longest = family === 'ipv4' ? 32 : 128;
  let octets = 0;
  for (const { prefix, pathId } of prefixes) {
    if (prefix.length > longest || prefix.address.family !== family) return 'a prefix that its family cannot have';
    octets += 1 + Math.ceil(prefix.length / 8) + (pathId === undefined ? 0 : 4);
  }
  return octets === nlri.bytes.length ? undefined : 'prefixes are not all of the octets';
}

/** Comparable: octets and big numbers as text. */
const textOf = (message: Message): string =>
  JSON.stringify(message, (_, value: unknown) =>
    value instanceof Uint8Array ? hexOf(value) : typeof value === 'bigint' ? value.toString(16) : value,
  );
