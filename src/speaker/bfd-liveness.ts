import { formatIpAddress } from '../base/ip-address.ts';
import type { BfdSessionConfig } from '../bfd/session-config.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { Liveness, LivenessState, LivenessTarget, LivenessWatch } from '../bgp/liveness.ts';

/**
 * BGP's question whether a router lives, answered by BFD in the wire thread. Only lists of sessions go there and only reports
 * come back; who watches what is known here alone. Of two peers that watch one path the profile of the last one counts.
 */
interface Watched {
  config: BfdSessionConfig;
  readonly listeners: Set<(state: LivenessState) => void>;
  adminDown: boolean;
}

export class BfdLiveness implements Liveness {
  readonly #send: (sessions: readonly BfdSessionConfig[]) => void;
  /** Resolves when the wire thread has done all that it was told before. */
  readonly #done: () => Promise<void>;
  readonly #watched = new Map<string, Watched>();
  readonly #reports = new Map<string, BfdSessionReport>();

  constructor(send: (sessions: readonly BfdSessionConfig[]) => void, done: () => Promise<void>) {
    this.#send = send;
    this.#done = done;
  }

  watch(target: LivenessTarget, changed: (state: LivenessState) => void): LivenessWatch {
    const key = keyOf(target);
    const config = configOf(key, target);
    const watched = this.#watched.get(key) ?? { config, listeners: new Set(), adminDown: false };
    watched.config = config;
    watched.listeners.add(changed);
    this.#watched.set(key, watched);
    this.#tell();
    const known = this.#reports.get(key);
    if (known !== undefined)
      void Promise.resolve().then(() => {
        if (watched.listeners.has(changed)) changed({ kind: known.state, reason: known.reason });
      });
    return {
      adminDown: () => {
        watched.adminDown = true;
        this.#tell();
        return this.#done();
      },
      close: () => {
        if (!watched.listeners.delete(changed) || watched.listeners.size > 0) return;
        this.#watched.delete(key);
        this.#reports.delete(key);
        this.#tell();
      },
    };
  }

  /** What the wire thread says. Of sessions that nobody watches any more it may still say something. */
  reported(changed: readonly BfdSessionReport[]): void {
    for (const report of changed) {
      const watched = this.#watched.get(report.key);
      if (watched === undefined) continue;
      this.#reports.set(report.key, report);
      for (const listener of watched.listeners) listener({ kind: report.state, reason: report.reason });
    }
  }

  /** As of the last change of each. */
  reports(): readonly BfdSessionReport[] {
    return [...this.#reports.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #tell(): void {
    this.#send([...this.#watched.values()].map(({ config, adminDown }) => ({ ...config, adminDown })));
  }
}

const keyOf = ({ remote, local, interface: link, multihop }: LivenessTarget): string =>
  [formatIpAddress(remote), link ?? '-', formatIpAddress(local), multihop ? 'multihop' : 'link'].join(' ');

function configOf(
  key: string,
  { remote, local, interface: link, multihop, profile }: LivenessTarget,
): BfdSessionConfig {
  const { name: _name, authentication, ...timing } = profile;
  const password = authentication?.key;
  // To run without would be to believe anybody; bgp-peers.ts refuses the peer where the Secret cannot be read.
  if (authentication !== undefined && password === undefined)
    throw new RangeError('the key of a BFD profile was not read');
  return {
    key,
    remote,
    local,
    interface: link,
    multihop,
    timing,
    authentication:
      authentication === undefined || password === undefined
        ? undefined
        : { type: authentication.type, keyId: authentication.keyId, key: password },
    adminDown: false,
  };
}
