import type { SessionEnd } from './session-error.ts';
import type { MessageCounts, NotificationReport, SessionReport, SessionState } from './session-report.ts';
import type { Message, Notification } from './wire/message.ts';
import { notificationName, shutdownCommunication } from './wire/notification.ts';

const COUNTED = {
  open: 'open',
  update: 'update',
  notification: 'notification',
  keepalive: 'keepalive',
  'route-refresh': 'routeRefresh',
} as const satisfies Record<Message['kind'], keyof MessageCounts>;

type Counts = { -readonly [K in keyof MessageCounts]: number };
const zero = (): Counts => ({ open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0, octets: 0 });

/** What a session remembers of its own past, for its report. All times are wall time. */
export class SessionRecord {
  readonly sent = zero();
  readonly received = zero();
  state: SessionState = 'idle';
  since: number;
  flaps = 0;
  lastError: string | undefined;
  lastErrorAt: number | undefined;
  lastNotificationSent: NotificationReport | undefined;
  lastNotificationReceived: NotificationReport | undefined;

  constructor(now: number) {
    this.since = now;
  }

  enter(state: SessionState, now: number): void {
    if (this.state === 'established' && state !== 'established') this.flaps++;
    this.state = state;
    this.since = now;
  }

  count(direction: 'sent' | 'received', kind: Message['kind'], octets: number): void {
    this[direction][COUNTED[kind]]++;
    this[direction].octets += octets;
  }

  /** Of UPDATEs that were built elsewhere. */
  countUpdates(messages: number, octets: number): void {
    this.sent.update += messages;
    this.sent.octets += octets;
  }

  notified(direction: 'sent' | 'received', notification: Notification, at: number): void {
    const { code, subcode } = notification;
    const communication = shutdownCommunication(notification);
    const report = {
      ...{ code, subcode, at },
      name: notificationName(code, subcode),
      communication: communication.ok ? communication.value : undefined,
    };
    if (direction === 'sent') this.lastNotificationSent = report;
    else this.lastNotificationReceived = report;
  }

  /** An attempt that came to nothing. False: the same as before, which is worth no second line in the log. */
  ended({ kind, message }: SessionEnd, now: number): boolean {
    // Of two connections one was kept: nobody's error.
    if (kind === 'collision') return false;
    return this.failed(message, now);
  }

  failed(message: string, now: number): boolean {
    const news = message !== this.lastError;
    this.lastError = message;
    this.lastErrorAt = now;
    return news;
  }

  /** What the report says of the past. */
  past(): Pick<
    SessionReport,
    | 'state'
    | 'since'
    | 'flaps'
    | 'lastError'
    | 'lastErrorAt'
    | 'lastNotificationSent'
    | 'lastNotificationReceived'
    | 'messages'
  > {
    const { state, since, flaps, lastError, lastErrorAt, lastNotificationSent, lastNotificationReceived } = this;
    return {
      ...{ state, since, flaps, lastError, lastErrorAt, lastNotificationSent, lastNotificationReceived },
      messages: { sent: { ...this.sent }, received: { ...this.received } },
    };
  }
}
