import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { CeaseError, ErrorCode } from './constants.ts';
import type { MessageError, Notification } from './message.ts';
import { textOf, utf8Within } from './text.ts';

/** RFC 9003 §2: the length of the communication is one octet. */
const MAX_COMMUNICATION = 255;
const NO_DATA = new Uint8Array(0);

export const notification = (code: number, subcode: number, data: Uint8Array = NO_DATA): Notification => ({
  kind: 'notification',
  code,
  subcode,
  data,
});

/** What is sent to a peer whose message has that error; only for those that reset the session. */
export const notificationOf = ({ code, subcode, data }: MessageError): Notification =>
  notification(code, subcode, data);

/** Cease (RFC 4486); the communication goes with the administrative ones, cut where it is longer than RFC 9003 allows. */
export function cease(subcode: number, communication?: string): Notification {
  if (communication === undefined || !mayCommunicate(subcode)) return notification(ErrorCode.cease, subcode);
  const text = utf8Within(communication, MAX_COMMUNICATION);
  return notification(ErrorCode.cease, subcode, Uint8Array.of(text.length, ...text));
}

/** RFC 8538 §3: ends the session also where both would otherwise keep the routes; what it is for goes inside. */
export const hardReset = (cause: Notification): Notification =>
  notification(ErrorCode.cease, CeaseError.hardReset, Uint8Array.of(cause.code, cause.subcode, ...cause.data));

/** What a hard reset is for; undefined: it is none, or says nothing. */
export function hardResetCause({ code, subcode, data }: Notification): Notification | undefined {
  if (code !== ErrorCode.cease || subcode !== CeaseError.hardReset || data.length < 2) return undefined;
  return notification(data[0]!, data[1]!, data.subarray(2));
}

/**
 * What the operator at the other end has to say (RFC 9003 §2); undefined: nothing. It is somebody else's text: characters
 * that steer a terminal are for the one who prints it. An error where it is no such thing.
 */
export function shutdownCommunication({ code, subcode, data }: Notification): Decoded<string | undefined, string> {
  if (code !== ErrorCode.cease || !mayCommunicate(subcode) || data.length === 0) return decoded(undefined);
  const end = 1 + data[0]!;
  if (end > data.length)
    return malformed('the shutdown communication goes beyond the end of the message (RFC 9003 §3)');
  const text = textOf(data.subarray(1, end));
  if (text === undefined) return malformed('the shutdown communication is no UTF-8 (RFC 9003 §3)');
  return decoded(text === '' ? undefined : text);
}

const mayCommunicate = (subcode: number): boolean =>
  subcode === CeaseError.administrativeShutdown || subcode === CeaseError.administrativeReset;

/** "cease/administrative-shutdown": IANA's names; without the second part where the code has no subcodes, numbers where there is no name. */
export function notificationName(code: number, subcode: number): string {
  const known = NAMES[code];
  if (known === undefined) return `code-${code}/subcode-${subcode}`;
  const [name, subcodes] = known;
  const detail = subcodes[subcode];
  if (detail !== undefined) return `${name}/${detail}`;
  return subcode === 0 ? name : `${name}/subcode-${subcode}`;
}

/** For a log: the name, with what a hard reset is for, and what the operator says. */
export function describeNotification(received: Notification): string {
  const name = notificationName(received.code, received.subcode);
  const cause = hardResetCause(received);
  if (cause !== undefined) return `${name} (${describeNotification(cause)})`;
  const communication = shutdownCommunication(received);
  return communication.ok && communication.value !== undefined
    ? `${name} ${JSON.stringify(communication.value)}`
    : name;
}

/** IANA "BGP Error (Notification) Codes" and the registries of their subcodes. */
const NAMES: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: [
    'message-header-error',
    { 0: 'unspecific', 1: 'connection-not-synchronized', 2: 'bad-message-length', 3: 'bad-message-type' },
  ],
  2: [
    'open-message-error',
    {
      0: 'unspecific',
      1: 'unsupported-version-number',
      2: 'bad-peer-as',
      3: 'bad-bgp-identifier',
      4: 'unsupported-optional-parameter',
      5: 'authentication-failure', // deprecated
      6: 'unacceptable-hold-time',
      7: 'unsupported-capability',
      11: 'role-mismatch',
    },
  ],
  3: [
    'update-message-error',
    {
      0: 'unspecific',
      1: 'malformed-attribute-list',
      2: 'unrecognized-well-known-attribute',
      3: 'missing-well-known-attribute',
      4: 'attribute-flags-error',
      5: 'attribute-length-error',
      6: 'invalid-origin-attribute',
      7: 'as-routing-loop', // deprecated
      8: 'invalid-next-hop-attribute',
      9: 'optional-attribute-error',
      10: 'invalid-network-field',
      11: 'malformed-as-path',
    },
  ],
  4: ['hold-timer-expired', {}],
  5: [
    'finite-state-machine-error',
    {
      0: 'unspecified-error',
      1: 'receive-unexpected-message-in-opensent-state',
      2: 'receive-unexpected-message-in-openconfirm-state',
      3: 'receive-unexpected-message-in-established-state',
    },
  ],
  6: [
    'cease',
    {
      1: 'maximum-number-of-prefixes-reached',
      2: 'administrative-shutdown',
      3: 'peer-de-configured',
      4: 'administrative-reset',
      5: 'connection-rejected',
      6: 'other-configuration-change',
      7: 'connection-collision-resolution',
      8: 'out-of-resources',
      9: 'hard-reset',
      10: 'bfd-down',
    },
  ],
  7: ['route-refresh-message-error', { 1: 'invalid-message-length' }],
  8: ['send-hold-timer-expired', {}],
  9: ['loss-of-lsdb-synchronization', {}],
};
