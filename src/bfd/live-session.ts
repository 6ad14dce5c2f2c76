import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import { Authenticator } from './authenticator.ts';
import { echoIntervalOf } from './echo-state.ts';
import { agreedReceiveInterval, detectionTimeOf } from './negotiation.ts';
import { newSession, type Session } from './session.ts';
import type { BfdSessionConfig } from './session-config.ts';
import type { BfdSessionCounters, BfdSessionReport } from './session-report.ts';
import { Diagnostic, diagnosticName, type SessionState } from './wire/constants.ts';

/** A session with all that belongs to it while it is there. */
export class LiveSession {
  readonly discriminator: number;
  config: BfdSessionConfig;
  session: Session;
  readonly authenticator: Authenticator;
  readonly counters: { -readonly [K in keyof BfdSessionCounters]: number } = {
    failures: 0,
    sent: 0,
    received: 0,
    echoSent: 0,
    echoReceived: 0,
    refused: 0,
  };
  /** Wall time of the last change of state. */
  since: number;
  /** Not before there is a socket to hear it. */
  started = false;
  /** Not wanted any more, but the neighbour is still told. */
  leaving = false;
  /** Of the last packet: the address it was for, and the interface it came by. */
  local: IpAddress | undefined;
  interfaceIndex: number | undefined;
  /** What the environment has against it. */
  obstacle: string | undefined;

  constructor(discriminator: number, firstSequence: number, config: BfdSessionConfig, since: number) {
    this.discriminator = discriminator;
    this.config = config;
    this.session = newSession(discriminator, config);
    this.authenticator = new Authenticator(config.authentication, firstSequence);
    this.since = since;
  }

  /** What one relies upon: that the neighbour ends BFD is no failure of the path (RFC 5882 §3.2), whatever our state then is. */
  get state(): SessionState {
    return stateOf(this.session);
  }

  /** "192.0.2.1", "fe80::1%eth0". */
  get name(): string {
    const { remote, interface: link } = this.config;
    return link === undefined ? formatIpAddress(remote) : `${formatIpAddress(remote)}%${link}`;
  }

  report(): BfdSessionReport {
    const { config, session, counters } = this;
    const local = config.local ?? this.local;
    return {
      key: config.key,
      remote: this.name,
      local: local === undefined ? undefined : formatIpAddress(local),
      multihop: config.multihop,
      state: this.state,
      since: this.since,
      reason: this.#reason(),
      diagnostic: session.diagnostic,
      remoteDiagnostic: session.remote.diagnostic,
      discriminator: session.discriminator,
      remoteDiscriminator: session.remote.discriminator,
      transmitInterval: session.transmitInterval ?? 0,
      receiveInterval: agreedReceiveInterval(session),
      detectionTime: detectionTimeOf(session),
      echoInterval: session.echo.phase === 'proven' ? echoIntervalOf(session, config.timing) : undefined,
      authentication: config.authentication?.type,
      counters: { ...counters },
    };
  }

  #reason(): string | undefined {
    const { session } = this;
    if (session.state === 'up') return undefined;
    if (session.state === 'admin-down') return 'administratively down here';
    if (this.state === 'admin-down') return 'administratively down at the neighbour';
    if (this.obstacle !== undefined) return this.obstacle;
    if (session.diagnostic === Diagnostic.neighbourSignaledDown)
      return `the neighbour says it is down: ${diagnosticName(session.remote.diagnostic)}`;
    if (session.diagnostic !== Diagnostic.none) return diagnosticName(session.diagnostic);
    return session.remote.discriminator === 0 ? 'nothing heard from the neighbour' : 'coming up';
  }
}

const stateOf = ({ state, remote }: Session): SessionState =>
  state === 'down' && remote.state === 'admin-down' ? 'admin-down' : state;
