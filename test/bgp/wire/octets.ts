import { formatPrefix } from '../../../src/base/prefix.ts';
import { decodeMessage } from '../../../src/bgp/wire/codec.ts';
import type {
  MessageError,
  Nlri,
  Notification,
  Open,
  RouteRefresh,
  Update,
  WireContext,
} from '../../../src/bgp/wire/message.ts';
import { prefixesOf } from '../../../src/bgp/wire/nlri.ts';

/** Messages put together from hex digits, so that a test shows what is on the wire; only lengths are counted here. */
export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/[\s|]/g, ''), 'hex'));
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const CONTEXT: WireContext = {
  as4: true,
  addPath: { ipv4: false, ipv6: false },
  extendedMessage: false,
  extendedNextHop: false,
  peerType: 'external',
};

const uint = (octets: number, value: number): string => value.toString(16).padStart(octets * 2, '0');
const octetsIn = (hex: string): number => bytesOf(hex).length;

export const MARKER = 'ff'.repeat(16);
export const OPEN = 1;
export const UPDATE = 2;
export const NOTIFICATION = 3;
export const KEEPALIVE = 4;
export const ROUTE_REFRESH = 5;

export const message = (type: number, body: string): Uint8Array =>
  bytesOf(`${MARKER} ${uint(2, 19 + octetsIn(body))} ${uint(1, type)} ${body}`);

/** With this type and body, whatever the length field is to say. */
export const withLength = (type: number, length: number, body = ''): Uint8Array =>
  bytesOf(`${MARKER} ${uint(2, length)} ${uint(1, type)} ${body}`);

/** Version 4, AS 65000, hold time 90 s, 192.0.2.1, and the optional parameters. */
export const open = (parameters = '', head = '04 fde8 005a c0000201'): Uint8Array =>
  message(OPEN, `${head} ${uint(1, octetsIn(parameters))} ${parameters}`);
export const capability = (code: number, value: string): string =>
  `${uint(1, code)} ${uint(1, octetsIn(value))} ${value}`;
export const parameter = (type: number, value: string): string =>
  `${uint(1, type)} ${uint(1, octetsIn(value))} ${value}`;

export const attribute = (flags: number, type: number, value: string): string =>
  flags & 0x10
    ? `${uint(1, flags)} ${uint(1, type)} ${uint(2, octetsIn(value))} ${value}`
    : `${uint(1, flags)} ${uint(1, type)} ${uint(1, octetsIn(value))} ${value}`;

export const ORIGIN = attribute(0x40, 1, '00');
export const AS_PATH = attribute(0x40, 2, '02 01 0000fde8');
export const NEXT_HOP = attribute(0x40, 3, 'c0000201');
export const MANDATORY = `${ORIGIN} ${AS_PATH} ${NEXT_HOP}`;
/** 203.0.113.1/32 */
export const PREFIX = '20 cb007101';
/** 10.0.0.0/8 */
export const OTHER_PREFIX = '08 0a';
/** 2001:db8::1 */
export const NEXT_HOP_6 = '20010db8000000000000000000000001';
/** fe80::1 */
export const LINK_LOCAL = 'fe800000000000000000000000000001';
/** 2001:db8:1::/48 */
export const PREFIX_6 = '30 20010db80001';
export const MP_REACH_6 = attribute(0x80, 14, `0002 01 10 ${NEXT_HOP_6} 00 ${PREFIX_6}`);
export const MP_UNREACH_6 = attribute(0x80, 15, `0002 01 ${PREFIX_6}`);

export const update = (attributes: string, prefixes = PREFIX, withdrawn = ''): Uint8Array =>
  message(
    UPDATE,
    `${uint(2, octetsIn(withdrawn))} ${withdrawn} ${uint(2, octetsIn(attributes))} ${attributes} ${prefixes}`,
  );

/** What must be readable without a fault. */
export function read(
  bytes: Uint8Array,
  context: Partial<WireContext> = {},
): Open | Update | Notification | RouteRefresh {
  const decoded = decodeMessage(bytes, { ...CONTEXT, ...context });
  if (!decoded.ok || decoded.error !== undefined) throw new Error(decoded.error?.message);
  if (decoded.message.kind === 'keepalive') throw new Error('a KEEPALIVE');
  return decoded.message;
}
export function readUpdate(bytes: Uint8Array, context: Partial<WireContext> = {}): Update {
  const update = read(bytes, context);
  if (update.kind !== 'update') throw new Error(update.kind);
  return update;
}

/** What must be wrong. */
export function faultOf(bytes: Uint8Array, context: Partial<WireContext> = {}): MessageError {
  const { error } = decodeMessage(bytes, { ...CONTEXT, ...context });
  if (error === undefined) throw new Error('nothing is wrong with it');
  return error;
}
/** "reset 3/5", "treat-as-withdraw", ... and the attribute. */
export function verdictOf(bytes: Uint8Array, context: Partial<WireContext> = {}): string {
  const { error } = decodeMessage(bytes, { ...CONTEXT, ...context });
  if (error === undefined) return 'accepted';
  const code = error.handling === 'reset' ? ` ${error.code}/${error.subcode}` : '';
  return `${error.handling}${code}${error.attribute === undefined ? '' : ` of ${error.attribute}`}`;
}

export const prefixTexts = (nlri: Nlri | undefined): readonly string[] =>
  nlri === undefined
    ? []
    : prefixesOf(nlri).map(
        ({ prefix, pathId }) => `${formatPrefix(prefix)}${pathId === undefined ? '' : `#${pathId}`}`,
      );
