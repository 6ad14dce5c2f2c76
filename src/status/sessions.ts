import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { NotificationReport, SessionReport } from '../bgp/session-report.ts';

/** One BGP session as `GET /status` and `clarion status -o json` tell it (docs/status.md). Undefined: absent. */
export interface SessionStatus {
  readonly peer: string;
  readonly remote: string;
  readonly local?: string | undefined;
  readonly state: SessionReport['state'];
  readonly since: string;
  readonly localAsn?: number | undefined;
  readonly peerAsn?: number | undefined;
  readonly routerId?: string | undefined;
  /** Why the last session or attempt ended, or why there is none; kept while the session is up. */
  readonly lastError?: string | undefined;
  readonly lastErrorAt?: string | undefined;
  readonly nextAttempt?: string | undefined;
  readonly notificationSent?: NotificationStatus | undefined;
  readonly notificationReceived?: NotificationStatus | undefined;
  /** Milliseconds. */
  readonly holdTime?: number | undefined;
  readonly keepaliveTime?: number | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly families: SessionReport['families'];
  /** Routes that the router is not told, though the session is up (docs/bgp-announcements.md). */
  readonly problems?: SessionReport['problems'] | undefined;
  readonly gracefulRestart?: NonNullable<SessionReport['negotiated']>['gracefulRestart'];
  readonly messages: SessionReport['messages'];
  readonly flaps: number;
  readonly bfd?: string | undefined;
  readonly bfdReason?: string | undefined;
  readonly listener?: SessionReport['listener'];
}

interface NotificationStatus extends Omit<NotificationReport, 'at'> {
  readonly at: string;
}

export type BfdStatus = Omit<BfdSessionReport, 'since'> & { readonly since: string };

export function sessionStatus(report: SessionReport): SessionStatus {
  const { name, since, lastErrorAt, nextAttempt, negotiated, peerRouterId, bfd } = report;
  return {
    peer: name,
    remote: report.remote,
    local: report.local,
    state: report.state,
    since: isoTime(since),
    localAsn: report.localAsn,
    peerAsn: report.peerAsn,
    routerId: peerRouterId,
    lastError: report.lastError,
    lastErrorAt: lastErrorAt === undefined ? undefined : isoTime(lastErrorAt),
    nextAttempt: nextAttempt === undefined ? undefined : isoTime(nextAttempt),
    notificationSent: notification(report.lastNotificationSent),
    notificationReceived: notification(report.lastNotificationReceived),
    holdTime: negotiated?.holdTime,
    keepaliveTime: negotiated?.keepaliveTime,
    capabilities: negotiated?.capabilities,
    families: report.families,
    problems: report.problems.length === 0 ? undefined : report.problems,
    gracefulRestart: negotiated?.gracefulRestart,
    messages: report.messages,
    flaps: report.flaps,
    bfd: typeof bfd === 'object' ? bfd.kind : bfd,
    bfdReason: typeof bfd === 'object' ? bfd.reason : undefined,
    listener: report.listener,
  };
}

export const bfdStatus = (report: BfdSessionReport): BfdStatus => ({ ...report, since: isoTime(report.since) });

const notification = (report: NotificationReport | undefined): NotificationStatus | undefined =>
  report && { ...report, at: isoTime(report.at) };

const isoTime = (at: number): string => new Date(at).toISOString();
