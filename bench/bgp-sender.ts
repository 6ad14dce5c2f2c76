import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { machineTime, ms, systemClock } from '../src/base/clock.ts';
import { type IpAddress, ipAddress, parseIpAddress } from '../src/base/ip-address.ts';
import { silentLogger } from '../src/base/logger.ts';
import { systemRandom } from '../src/base/random.ts';
import { AdjRibOut } from '../src/bgp/adj-rib-out.ts';
import { Bgp, type RouteChange } from '../src/bgp/driver.ts';
import { noLiveness } from '../src/bgp/liveness.ts';
import type { BgpPeer } from '../src/bgp/peer.ts';
import { PrefixIndex } from '../src/bgp/prefix-index.ts';
import type { Route } from '../src/bgp/route.ts';
import { warmUp } from '../src/bgp/warm-up/driver.ts';
import { encodeMessage } from '../src/bgp/wire/codec.ts';
import { HEADER, MARKER, MessageType } from '../src/bgp/wire/constants.ts';
import { linuxNetwork } from '../src/network/linux.ts';
import { linuxNeighbours } from '../src/network/neighbour-monitor.ts';
import type { Stream, StreamHandlers, StreamNetwork } from '../src/network/ports.ts';
import { linuxStreams } from '../src/network/stream-network.ts';

/*
 * One end of bgp-blast.ts, in a process of its own: `clarion` is the product's BGP driver on the kernel's sockets, `blast` a socket
 * that writes what Clarion would have sent, encoded before. Both say on standard output when a session was established
 * (the router's last message before our first UPDATE came) and, told "withdraw", when they began to withdraw every second prefix; a
 * KEEPALIVE is put behind the last withdrawal, so that the router's log shows when it has got there. Told "restore" they want
 * everything again.
 */
const OUR_ASN = 64_512;
const ROUTER_ASN = 64_513;

export interface SenderNews {
  readonly event: 'established' | 'withdrawing';
  /** Of the machine's clock. */
  readonly at: number;
}

const [kind = '', router = '', count = '', ...sources] = process.argv.slice(2);

const address = (text: string): IpAddress => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const attributes = { localPref: undefined, communities: [], linkBandwidth: undefined };
const routes = Array.from({ length: Number(count) }, (_, i): Route => {
  // 10.0.0.0/8 has room for 16 million.
  return { prefix: { address: ipAddress('ipv4', BigInt(0x0a00_0000 + i)), length: 32 }, attributes };
});
const others = routes.filter((_, i) => i % 2 === 1);
const half = others.map(({ prefix }) => prefix);
const keepalive = Buffer.alloc(HEADER, 0xff);
keepalive.writeUInt16BE(HEADER, MARKER);
keepalive[MARKER + 2] = MessageType.keepalive;

const tell = (news: SenderNews): void => void process.stdout.write(`${JSON.stringify(news)}\n`);
const onCommand = (withdraw: () => void, restore: () => void): void => {
  createInterface(process.stdin).on('line', (line) => {
    if (line === 'restore') return restore();
    tell({ event: 'withdrawing', at: machineTime() });
    withdraw();
  });
};

function clarion(): void {
  const [network, streams, neighbours] = [linuxNetwork(), linuxStreams(systemClock), linuxNeighbours()];
  if (!network.ok || !streams.ok || !neighbours.ok) throw new Error('no network');
  const bgp = new Bgp({
    streams: watched(streams.value),
    neighbours: neighbours.value,
    network: network.value,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    liveness: noLiveness,
    prepare: warmUp,
    onReport: () => {},
  });
  bgp.setRoutes(new Map(sources.map((source) => [source, routes])));
  bgp.setPeers(sources.map(peerFrom));
  const change = (one: RouteChange): void => bgp.changeRoutes(new Map(sources.map((source) => [source, one])));
  onCommand(
    () => change({ set: [], remove: half }),
    () => change({ set: others, remove: [] }),
  );
}

const peerFrom = (source: string): BgpPeer => ({
  session: {
    name: source,
    myAsn: OUR_ASN,
    localAsn: undefined,
    peerAsn: ROUTER_ASN,
    routerId: address(source),
    families: ['ipv4'],
    holdTime: ms(90_000),
    keepaliveTime: ms(30_000),
    connectTime: ms(1000),
    passive: false,
    delayOpenTime: undefined,
    gracefulRestart: undefined,
    role: undefined,
    extendedNextHop: false,
    hostName: undefined,
  },
  transport: {
    remote: { kind: 'address', address: address(router) },
    port: 179,
    source: address(source),
    device: undefined,
    passwords: [],
    reach: { kind: 'direct' },
  },
  bfd: undefined,
});

/** The driver's sockets, with an eye on what passes. */
const watched = (streams: StreamNetwork): StreamNetwork => ({
  listen: (options, handlers) => streams.listen(options, handlers),
  connect: (options, handlers) => {
    let heard = 0;
    let told = false;
    const watching: StreamHandlers = {
      connected: () => handlers.connected(),
      drained: () => handlers.drained(),
      ended: () => handlers.ended(),
      failed: (error) => handlers.failed(error),
      data: (bytes) => {
        heard = machineTime();
        handlers.data(bytes);
      },
    };
    const made = streams.connect(options, watching);
    if (made.ok)
      watchWrites(made.value, () => {
        if (told) return;
        told = true;
        tell({ event: 'established', at: heard });
      });
    return made;
  },
});

function watchWrites(stream: Stream, updating: () => void): void {
  const write = stream.write.bind(stream);
  let withdrawn = 0;
  stream.write = (parts) => {
    let kept = write(parts);
    for (const part of parts) {
      if (part[MARKER + 2] !== MessageType.update) continue;
      updating();
      // Octets of withdrawn routes: five each.
      withdrawn += (part[HEADER]! * 256 + part[HEADER + 1]!) / 5;
    }
    if (withdrawn === half.length) {
      withdrawn = 0;
      kept = write([keepalive]);
    }
    return kept;
  };
}

function blast(): void {
  const rib = new AdjRibOut(new PrefixIndex());
  const taken = (): Buffer => {
    const messages: Uint8Array[] = [];
    while (rib.pending) messages.push(...rib.take(1 << 20));
    return Buffer.concat(messages);
  };
  rib.want(routes);
  rib.established({
    localAsn: OUR_ASN,
    peerType: 'external',
    role: undefined,
    as4: true,
    extendedMessage: false,
    enhancedRouteRefresh: false,
    families: [{ family: 'ipv4', nextHop: [address(sources[0]!)] }],
  });
  const announcements = taken();
  rib.change([], half);
  const withdrawals = Buffer.concat([taken(), keepalive]);
  const open = encodeMessage(
    {
      kind: 'open',
      as2: OUR_ASN,
      holdTime: 90,
      routerId: Number(address(sources[0]!).value),
      capabilities: [
        { kind: 'multiprotocol', family: { afi: 1, safi: 1 } },
        { kind: 'as4', asn: OUR_ASN },
      ],
    },
    {
      as4: true,
      addPath: { ipv4: false, ipv6: false },
      extendedMessage: false,
      extendedNextHop: false,
      peerType: 'external',
    },
  );
  let socket: Socket;
  const attempt = (): void => {
    let established = false;
    let open_ = false;
    socket = connect({ host: router, port: 179, localAddress: sources[0]!, noDelay: true });
    socket.on('connect', () => socket.write(open));
    socket.on('data', (bytes) => {
      const at = machineTime();
      for (let from = 0; from < bytes.length; from += bytes.readUInt16BE(from + MARKER)) {
        const type = bytes[from + MARKER + 2];
        if (type === MessageType.open) {
          open_ = true;
          socket.write(keepalive);
        }
        if (type !== MessageType.keepalive || !open_ || established) continue;
        established = true;
        socket.write(announcements);
        tell({ event: 'established', at });
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => setTimeout(attempt, 100));
  };
  onCommand(
    () => socket.write(withdrawals),
    () => {},
  );
  attempt();
}

if (kind === 'clarion') clarion();
else blast();
