import type { Clock } from '../base/clock.ts';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { formatIpAddress, isLinkLocalIpv6 } from '../base/ip-address.ts';
import { type Addon, EINPROGRESS, EINVAL, loadAddon } from './addon.ts';
import {
  checkPeerOptions,
  inOrder,
  setDevice,
  setHopLimit,
  setMinimumHopLimit,
  setNoDelay,
  setPortAtConnect,
  socketError,
} from './peer-options.ts';
import type {
  ConnectOptions,
  ListenHandlers,
  ListenOptions,
  NetworkError,
  Stream,
  StreamHandlers,
  StreamListener,
  StreamNetwork,
} from './ports.ts';
import { signatureMisfits } from './signature-misfits.ts';
import { domainOf, encodeSocketAddress, endpointName } from './socket-address.ts';
import { LinuxStream, type StreamContext } from './stream.ts';
import { LinuxStreamListener } from './stream-listener.ts';

/**
 * TCP for routing protocols. The addon makes and prepares each descriptor: keys, hop limits, device and source are there before the first segment
 * goes out. Privilege: none, but CAP_NET_BIND_SERVICE to listen below port 1024, and CAP_NET_RAW for a `device` before Linux 5.7.
 */

const SOCK_STREAM = 1;
const READ_BUFFER = 1 << 16;

/** The addon is missing: an error in words for the user. */
export function linuxStreams(clock: Clock): Decoded<StreamNetwork, NetworkError> {
  const addon = loadAddon();
  return addon.ok ? decoded(new LinuxStreamNetwork(addon.value, clock)) : addon;
}

class LinuxStreamNetwork implements StreamNetwork {
  readonly #context: StreamContext;

  constructor(addon: Addon, clock: Clock) {
    const buffer = new Uint8Array(READ_BUFFER);
    this.#context = { addon, clock, buffer, fitted: new Map(), misfits: signatureMisfits };
  }

  connect(options: ConnectOptions, handlers: StreamHandlers): Decoded<Stream, NetworkError> {
    const { remote } = options;
    const stream = this.#connect(options);
    const failure = typeof stream === 'number' ? stream : stream.attach(handlers);
    return typeof stream === 'number' || failure < 0
      ? malformed(socketError(failure, `connect to ${endpointName(remote)}`))
      : decoded(stream);
  }

  listen(options: ListenOptions, handlers: ListenHandlers): Decoded<StreamListener, NetworkError> {
    return LinuxStreamListener.open(this.#context, options, handlers);
  }

  #connect(options: ConnectOptions): LinuxStream | number {
    const { addon, fitted } = this.#context;
    const { remote, source, device, hopLimit, minimumHopLimit } = options;
    const { family } = remote.address;
    const fault = checkPeerOptions(options);
    if (fault < 0) return fault;
    // The kernel finds out too, but not on a socket that is bound to a device.
    if (isLinkLocalIpv6(remote.address) && remote.zone === undefined) return EINVAL;
    const to = encodeSocketAddress(addon, remote);
    const from = source && encodeSocketAddress(addon, { address: source, port: 0, zone: remote.zone });
    if (!to.ok) return to.error;
    if (from !== undefined && !from.ok) return from.error;
    const fd = addon.socket(domainOf(family), SOCK_STREAM, 0);
    if (fd < 0) return fd;
    const password = fitted.get(formatIpAddress(remote.address));
    const stream = LinuxStream.of(this.#context, fd, 'connecting', remote, options, password);
    if (typeof stream === 'number') return stream;
    const result = inOrder(
      () => setNoDelay(addon, fd),
      () => setHopLimit(addon, fd, family, hopLimit),
      () => setMinimumHopLimit(addon, fd, family, minimumHopLimit),
      () => setDevice(addon, fd, device),
      () => setPortAtConnect(addon, fd),
      () => (from === undefined ? 0 : addon.bind(fd, from.value)),
      () => {
        const connected = addon.connect(fd, to.value);
        return connected === EINPROGRESS ? 0 : connected;
      },
    );
    if (result >= 0) return stream;
    stream.reset();
    return result;
  }
}
