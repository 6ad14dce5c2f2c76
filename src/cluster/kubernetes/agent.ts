import { type Agent, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { seconds } from '../../base/clock.ts';

/** What TLS needs to know, as node:tls names it; texts are PEM. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/**
 * Connections that are kept. The kernel asks after the other end of a silent one every 10 s (and then each second, ten times),
 * so that a cable that is cut shows within 20 s on watches, too, which may have nothing to say for minutes. An idle one is
 * closed by us before the API server does it (Go's 90 s), so that a request seldom meets one that is just closing.
 */
export function keepAliveAgent(protocol: 'https:' | 'http:', tls: TlsMaterial = {}): Agent {
  const options = { keepAlive: true, keepAliveMsecs: seconds(10), timeout: seconds(60) };
  return protocol === 'https:' ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options);
}
