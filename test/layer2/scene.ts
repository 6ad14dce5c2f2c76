import { ms, seconds } from '../../src/base/clock.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { type LogFields, type Logger, silentLogger } from '../../src/base/logger.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { BROADCAST_MAC } from '../../src/base/mac-address.ts';
import type { Layer2Settings } from '../../src/config/config.ts';
import { Layer2 } from '../../src/layer2/driver.ts';
import type { Layer2AddressReport, Layer2Entry } from '../../src/layer2/table.ts';
import { type ArpFrame, decodeArp, encodeArp } from '../../src/layer2/wire/arp.ts';
import { ALL_NODES, multicastMac, solicitedNodeGroup } from '../../src/layer2/wire/ipv6.ts';
import { decodeNdp, encodeNdp, type NdpFrame } from '../../src/layer2/wire/ndp.ts';
import { FakeNetwork, FakeSegment, type FakeStation } from '../support/fake-network.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A speaker's layer 2 on virtual time, with one interface eth0 in 192.0.2.0/24 and 2001:db8::/64, and a station that sees and says what a test likes. */
export const OUR_MAC = '02:00:00:00:00:01' as MacAddress;
export const OTHER_MAC = '02:00:00:00:00:99' as MacAddress;

export const SETTINGS: Layer2Settings = {
  gratuitous: { rounds: 5, interval: seconds(1), refresh: seconds(60), ratePerSecond: 5000 },
  conflictProbe: { count: 2, wait: ms(30) },
};

export function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export const hold = (address: string, interfaces: readonly string[] = []): Layer2Entry => ({
  address: ip(address),
  state: 'hold',
  probe: true,
  interfaces,
});
export const prepare = (address: string): Layer2Entry => ({
  address: ip(address),
  state: 'prepare',
  probe: true,
  interfaces: [],
});

export interface Scene {
  readonly clock: VirtualClock;
  readonly network: FakeNetwork;
  readonly segment: FakeSegment;
  readonly station: FakeStation;
  readonly layer2: Layer2;
  readonly reports: Layer2AddressReport[];
  readonly logs: string[];
  /** Frames seen by the station since the last call, decoded. */
  take(): { readonly arp: ArpFrame[]; readonly ndp: NdpFrame[] };
}

export function scene(options: { interfaces?: readonly string[] } = {}): Scene {
  const clock = new VirtualClock();
  const network = new FakeNetwork();
  const segment = new FakeSegment();
  network.addInterface({
    name: 'eth0',
    segment,
    mac: OUR_MAC,
    addresses: [
      { address: ip('192.0.2.11'), prefixLength: 24 },
      { address: ip('2001:db8::11'), prefixLength: 64 },
      { address: ip('fe80::11'), prefixLength: 64 },
    ],
  });
  const station = segment.addStation();
  const reports: Layer2AddressReport[] = [];
  const logs: string[] = [];
  const log = (message: string, fields?: LogFields): void =>
    void logs.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const logger: Logger = { ...silentLogger, info: log, warn: log, error: log };
  const onReport = (changed: readonly Layer2AddressReport[]): void => void reports.push(...changed);
  const layer2 = new Layer2({ network, clock, random: seededRandom(1), logger, onReport, ...options });
  let seen = 0;
  return {
    clock,
    network,
    segment,
    station,
    layer2,
    reports,
    logs,
    take() {
      const fresh = station.received.slice(seen);
      seen = station.received.length;
      return {
        arp: fresh.flatMap((frame) => {
          const read = decodeArp(frame);
          return read.ok ? [read.value] : [];
        }),
        ndp: fresh.flatMap((frame) => {
          const read = decodeNdp(frame);
          return read.ok ? [read.value] : [];
        }),
      };
    },
  };
}

/** It has held the address for a while, and all that it said and reported meanwhile is forgotten. */
export function holding(address: string): Scene {
  const one = scene();
  one.layer2.apply([hold(address)], SETTINGS);
  one.clock.advance(10_000);
  one.take();
  one.reports.length = 0;
  return one;
}

export const isArpProbe = (frame: ArpFrame): boolean => frame.operation === 1 && frame.senderIp.value === 0n;
export const isGratuitous = (frame: ArpFrame): boolean => frame.senderIp.value === frame.targetIp.value;

/** A request by the other station, broadcast unless told otherwise. */
export const request = (targetIp: string, change: Partial<ArpFrame> = {}): Uint8Array =>
  encodeArp({
    source: OTHER_MAC,
    destination: BROADCAST_MAC,
    operation: 1,
    senderMac: OTHER_MAC,
    senderIp: ip('192.0.2.100'),
    targetMac: '00:00:00:00:00:00' as MacAddress,
    targetIp: ip(targetIp),
    ...change,
  });

export const solicitation = (target: string, change: Partial<NdpFrame> = {}): Uint8Array =>
  encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: OTHER_MAC,
    destinationMac: multicastMac(solicitedNodeGroup(ip(target))),
    source: ip('2001:db8::100'),
    destination: solicitedNodeGroup(ip(target)),
    hopLimit: 255,
    target: ip(target),
    sourceLinkLayer: OTHER_MAC,
    ...change,
  } as NdpFrame);

export const advertisement = (target: string, change: Partial<NdpFrame> = {}): Uint8Array =>
  encodeNdp({
    kind: 'neighbor-advertisement',
    sourceMac: OTHER_MAC,
    destinationMac: multicastMac(ALL_NODES),
    source: ip(target),
    destination: ALL_NODES,
    hopLimit: 255,
    router: false,
    solicited: false,
    override: true,
    target: ip(target),
    targetLinkLayer: OTHER_MAC,
    ...change,
  } as NdpFrame);
