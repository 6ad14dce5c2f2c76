import type { Negotiated } from './negotiation.ts';
import type { NegotiatedReport } from './session-report.ts';
import type { Capability, Open } from './wire/message.ts';

/** `open`: the router's. */
export function negotiatedReport(negotiated: Negotiated, open: Open | undefined): NegotiatedReport {
  const { holdTime, keepaliveTime, peerType, as4, extendedMessage, extendedNextHop } = negotiated;
  const { routeRefresh, enhancedRouteRefresh, gracefulRestart, peerRole, peerHostName } = negotiated;
  return {
    ...{ holdTime, keepaliveTime, peerType, as4, extendedMessage, extendedNextHop, routeRefresh, enhancedRouteRefresh },
    gracefulRestart,
    role: peerRole,
    hostName: peerHostName,
    capabilities: [...new Set((open?.capabilities ?? []).map(capabilityName))],
  };
}

const capabilityName = (capability: Capability): string =>
  capability.kind === 'unknown' ? `capability ${capability.code}` : capability.kind;
