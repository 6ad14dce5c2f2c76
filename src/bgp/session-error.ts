import { formatIpAddress } from '../base/ip-address.ts';
import type { Ending } from './fsm-events.ts';
import type { Negotiated } from './negotiation.ts';
import { localAsnOf, type SessionConfig } from './session-config.ts';
import { CeaseError, ErrorCode, OpenError } from './wire/constants.ts';
import type { Notification } from './wire/message.ts';
import { familyOf, ipFamilyOf } from './wire/nlri.ts';
import { hardResetCause, notificationName, shutdownCommunication } from './wire/notification.ts';

/**
 * Why a session, or an attempt at one, came to its end, in words for somebody who has to mend it: what happened, what is
 * likely behind it, what to do. Every NOTIFICATION of RFC 4271 §6 and its successors, sent and received.
 *
 * Standards: RFC 4271 §6, RFC 4486, 5492, 6286, 6608, 7313, 8538, 9003, 9234, 9384, 9687.
 */
export interface SessionEnd {
  readonly kind:
    | 'notification-sent'
    | 'notification-received'
    /** Without a NOTIFICATION from either side. */
    | 'connection-lost'
    | 'connect-failed'
    /** Nobody accepted or refused the connection in time; who knows how it was tried has better words. */
    | 'no-answer'
    /** We closed without a word. */
    | 'closed-silently'
    /** Of two connections the other one was kept (RFC 4271 §6.8): no error. */
    | 'collision';
  readonly notification: Notification | undefined;
  /** Without a full stop at its end. */
  readonly message: string;
}

/** `connected`: it was more than an attempt to reach the peer by TCP. */
export function sessionEnd(ending: Ending, config: SessionConfig, connected: boolean): SessionEnd {
  switch (ending.kind) {
    case 'tcp-failed': {
      const kind = connected ? 'connection-lost' : 'connect-failed';
      return { kind, notification: undefined, message: ending.message };
    }
    case 'no-answer':
      return {
        kind: 'no-answer',
        notification: undefined,
        message:
          'no answer to the attempt to connect: the router is down, a filter is between, the TCP-MD5 passwords differ, or it is too many hops away',
      };
    case 'stopped-silently':
      return { kind: 'closed-silently', notification: undefined, message: 'we closed the connection' };
    case 'notification-received':
    case 'notification-sent': {
      const { kind, notification } = ending;
      const collided = notification.code === ErrorCode.cease && notification.subcode === CeaseError.connectionCollision;
      const message =
        kind === 'notification-sent'
          ? sentWords(notification, ending.message, config)
          : receivedWords(notification, config);
      return { kind: collided ? 'collision' : kind, notification, message };
    }
  }
}

/**
 * RFC 4724 §4, RFC 8538 §4: without graceful restart never; when the connection just breaks, yes; after a NOTIFICATION only
 * with the N bit, and not after a hard reset.
 */
export function peerKeepsRoutes(negotiated: Negotiated | undefined, { notification }: SessionEnd): boolean {
  if (negotiated?.gracefulRestart === undefined) return false;
  if (notification === undefined) return true;
  return negotiated.gracefulRestart.notification && !isHardReset(notification);
}
const isHardReset = ({ code, subcode }: Notification): boolean =>
  code === ErrorCode.cease && subcode === CeaseError.hardReset;

function sentWords(notification: Notification, detail: string | undefined, config: SessionConfig): string {
  const cause = hardResetCause(notification);
  if (cause !== undefined) return sentWords(cause, detail, config);
  const words = SENT[keyOf(notification)] ?? SENT[String(notification.code)];
  const what = detail ?? words?.what ?? `we closed the session: ${nameOf(notification)}`;
  return words?.advice === undefined ? what : `${what}; ${words.advice}`;
}

function receivedWords(notification: Notification, config: SessionConfig): string {
  const cause = hardResetCause(notification);
  if (cause !== undefined) return `${receivedWords(cause, config)} (hard reset: no routes are kept)`;
  const words = RECEIVED[keyOf(notification)] ?? RECEIVED[String(notification.code)];
  if (words === undefined) return `the router closed the session: ${nameOf(notification)}`;
  return words(config, notification);
}

const keyOf = ({ code, subcode }: Notification): string => `${code}/${subcode}`;
const nameOf = ({ code, subcode }: Notification): string => notificationName(code, subcode);

interface SentWords {
  /** In place of what was found in particular. */
  readonly what?: string;
  /** What to do. */
  readonly advice?: string;
}

const OPEN = ErrorCode.open;
const CEASE = ErrorCode.cease;

const SENT: Readonly<Record<string, SentWords>> = {
  [ErrorCode.header]: { advice: 'what speaks BGP there is broken, or something between changes the stream' },
  [`${OPEN}/${OpenError.badPeerAs}`]: {
    advice: 'correct "peerASN" of this peer, or the AS number on the router',
  },
  [`${OPEN}/${OpenError.badIdentifier}`]: {
    advice: 'give this node another "routerID", or the router another one',
  },
  [`${OPEN}/${OpenError.unacceptableHoldTime}`]: { advice: 'set a hold time of 3 s or more on the router' },
  [`${OPEN}/${OpenError.unsupportedCapability}`]: {
    advice: 'activate an address family on the router that we announce',
  },
  [`${OPEN}/${OpenError.roleMismatch}`]: { advice: 'correct "role" of this peer, or the role on the router' },
  [ErrorCode.update]: { advice: 'the router sent a broken UPDATE; its log and its vendor may know why' },
  [ErrorCode.holdTimerExpired]: {
    what: 'the router was silent for the whole hold time: it hangs, or the path to it loses everything',
    advice: 'see whether it can be reached, and consider BFD, which notices sooner',
  },
  [ErrorCode.fsm]: {
    what: 'the router sent a message that does not belong there',
    advice: 'what speaks BGP there does not follow RFC 4271 §8',
  },
  [`${CEASE}/${CeaseError.administrativeShutdown}`]: { what: 'the speaker stopped' },
  [`${CEASE}/${CeaseError.peerDeconfigured}`]: { what: 'the peer is gone from the configuration' },
  [`${CEASE}/${CeaseError.administrativeReset}`]: { what: 'we reset the session' },
  [`${CEASE}/${CeaseError.otherConfigurationChange}`]: { what: 'the configuration of the peer changed' },
  [`${CEASE}/${CeaseError.connectionCollision}`]: {
    what: 'the other one of two connections with this router was kept',
  },
  [`${CEASE}/${CeaseError.bfdDown}`]: { advice: 'see whether the router can be reached' },
  [ErrorCode.routeRefresh]: { advice: 'what speaks BGP there does not follow RFC 7313' },
  [ErrorCode.sendHoldTimerExpired]: {
    what: 'the router has read nothing of what we sent for minutes, although it goes on sending',
    advice: 'its BGP hangs: restart it there',
  },
};

type Received = (config: SessionConfig, notification: Notification) => string;

const RECEIVED: Readonly<Record<string, Received>> = {
  [ErrorCode.header]: (_config, notification) =>
    `the router could not read a message of ours (${nameOf(notification)}): something between changes the stream, or it is a fault of Clarion; please report it`,
  [`${OPEN}/${OpenError.unsupportedVersion}`]: () => 'the router does not speak BGP version 4',
  [`${OPEN}/${OpenError.badPeerAs}`]: (config) =>
    `the router expects another AS than ours (${localAsnOf(config)}): correct our AS on the router, or "myASN" or "localASN" of this peer`,
  [`${OPEN}/${OpenError.badIdentifier}`]: (config) =>
    `the router refuses our router ID ${formatIpAddress(config.routerId)}: it is probably its own, or that of another neighbour; set "routerID"`,
  [`${OPEN}/${OpenError.unsupportedParameter}`]: () =>
    'the router does not understand capabilities (RFC 5492); the next attempt is made without them',
  [`${OPEN}/${OpenError.unacceptableHoldTime}`]: (config) =>
    `the router refuses our hold time of ${config.holdTime / 1000} s: set a "holdTime" that it allows`,
  [`${OPEN}/${OpenError.unsupportedCapability}`]: (_config, { data }) =>
    `the router demands a capability that we do not offer${firstCapability(data)}: see which address families are active for us there`,
  [`${OPEN}/${OpenError.roleMismatch}`]: (config) =>
    `the router's BGP role does not go with ours (${config.role ?? 'none'}): correct "role" of this peer, or the role there`,
  [ErrorCode.open]: (_config, notification) =>
    `the router refuses our OPEN (${nameOf(notification)}): compare the configuration of both sides`,
  [ErrorCode.update]: (_config, notification) =>
    `the router found an error in an UPDATE of ours (${nameOf(notification)}): please report it with the router's log`,
  [ErrorCode.holdTimerExpired]: () =>
    'the router heard nothing from us for the whole hold time: the path to it loses everything, or this node is overloaded',
  [ErrorCode.fsm]: (_config, notification) =>
    `the router did not expect a message of ours (${nameOf(notification)}): perhaps it restarted in between`,
  [`${CEASE}/${CeaseError.maximumPrefixes}`]: (_config, { data }) =>
    `the router takes no more prefixes from us than its limit${prefixLimit(data)}: raise the limit there, or announce fewer (aggregationLength)`,
  [`${CEASE}/${CeaseError.administrativeShutdown}`]: (_config, notification) =>
    `the session was shut down on the router${communicationOf(notification)}; it comes back when it is enabled there`,
  [`${CEASE}/${CeaseError.peerDeconfigured}`]: () =>
    "we were removed from the router's configuration; remove this peer here, or configure us there again",
  [`${CEASE}/${CeaseError.administrativeReset}`]: (_config, notification) =>
    `the session was reset on the router${communicationOf(notification)}`,
  [`${CEASE}/${CeaseError.connectionRejected}`]: () =>
    'the router accepts no session with us now: it does not know us as a neighbour, or waits after failures',
  [`${CEASE}/${CeaseError.otherConfigurationChange}`]: () => "the router's configuration changed",
  [`${CEASE}/${CeaseError.connectionCollision}`]: () => 'the router kept the other one of two connections',
  [`${CEASE}/${CeaseError.outOfResources}`]: () =>
    'the router is short of memory or other resources, and gave this session up',
  [`${CEASE}/${CeaseError.hardReset}`]: () => 'the router reset the session, and keeps no routes',
  [`${CEASE}/${CeaseError.bfdDown}`]: () => 'BFD on the router says that the path to us is down',
  [ErrorCode.routeRefresh]: () => 'the router could not read a ROUTE-REFRESH of ours: please report it',
  [ErrorCode.sendHoldTimerExpired]: () =>
    'the router says that we read nothing of what it sent for minutes: this node is overloaded, or it is a fault of Clarion',
};

/** RFC 9003 §2. It is somebody else's text: quoted, and nothing in it can steer a terminal. */
function communicationOf(notification: Notification): string {
  const text = shutdownCommunication(notification);
  if (!text.ok || text.value === undefined) return '';
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `: ${JSON.stringify(text.value).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, escaped)}`;
}

/** RFC 4486 §4: AFI, SAFI and the bound may follow. */
function prefixLimit(data: Uint8Array): string {
  if (data.length < 7) return '';
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const family = ipFamilyOf(familyOf(view.getUint16(0), data[2]!));
  const of = family === undefined ? '' : ` for ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`;
  return ` of ${view.getUint32(3)}${of}`;
}

/** RFC 5492 §3: the data is the capabilities in question. */
const firstCapability = (data: Uint8Array): string => (data.length === 0 ? '' : ` (capability ${data[0]!})`);
