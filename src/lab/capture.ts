import { createInterface } from 'node:readline';
import { type Milliseconds, machineTime, systemClock, type Timer } from '../base/clock.ts';
import { environmentError } from '../base/errors.ts';
import { formatIpAddress, type IpAddress, parseIpAddress, sameIpAddress } from '../base/ip-address.ts';
import { BROADCAST_MAC, type MacAddress } from '../base/mac-address.ts';
import { type ArpFrame, decodeArp, encodeArp } from '../layer2/wire/arp.ts';
import { ArpOperation, EtherType, NDP_HOP_LIMIT } from '../layer2/wire/constants.ts';
import { multicastMac, solicitedNodeGroup, UNSPECIFIED_IPV6 } from '../layer2/wire/ipv6.ts';
import { decodeNdp, encodeNdp, type NdpFrame } from '../layer2/wire/ndp.ts';
import { linuxNetwork } from '../network/linux.ts';
import type { BpfInstruction, FrameSocket, InterfaceAddress } from '../network/ports.ts';
import type { Feed } from './feed.ts';
import type { Lab } from './lab.ts';
import { startTool } from './tool-process.ts';

/** One ARP or NDP frame that a capture saw, as far as the lab asks about frames. */
export interface Sighting {
  /** Machine time. */
  readonly at: number;
  readonly protocol: 'ARP' | 'NDP';
  /** A probe asks without an own address, to see whether the other is taken; an announcement answers nobody's question. */
  readonly what: 'question' | 'probe' | 'answer' | 'announcement';
  /** The address that is asked for or claimed. */
  readonly address: string;
  /** Who sent it. */
  readonly mac: MacAddress;
}

export interface Capture {
  readonly seen: Feed<Sighting>;
  /**
   * Sends ARP requests and neighbour solicitations of its own, of which the kernel of the host knows nothing: once, or
   * every so many milliseconds until asked anew (for nothing: an empty list).
   */
  ask(addresses: readonly string[], every?: Milliseconds): void;
}

/** A separate process in the host with a packet socket of its own: sees what is on the wire, whatever the speaker says. */
export async function startCapture(lab: Lab, host: string, interfaceName: string): Promise<Capture> {
  const tool = await startTool<Sighting>(lab, host, ['capture', interfaceName]);
  return { seen: tool.seen, ask: (addresses, every) => tool.send({ addresses, every } satisfies Question) };
}

interface Question {
  readonly addresses: readonly string[];
  readonly every: Milliseconds | undefined;
}

/** BPF: return the whole frame, always. */
const EVERYTHING: readonly BpfInstruction[] = [{ code: 0x06, jt: 0, jf: 0, k: 0xffff }];

/** The part that runs in the host. */
export function runCapture(interfaceName: string, emit: (line: object) => void): void {
  const network = linuxNetwork();
  if (!network.ok) throw environmentError(network.error.message);
  const open = (etherType: number, read: (frame: Uint8Array) => Omit<Sighting, 'at'> | undefined): FrameSocket => {
    const socket = network.value.openFrameSocket(
      { interfaceName, etherType, filter: EVERYTHING },
      {
        frame(bytes) {
          const at = machineTime();
          const sighting = read(bytes);
          if (sighting !== undefined) emit({ at, ...sighting });
        },
        error: (error) => emit({ error }),
      },
    );
    if (!socket.ok) throw environmentError(socket.error.message);
    return socket.value;
  };
  const arp = open(EtherType.arp, (frame) => {
    const message = decodeArp(frame);
    return message.ok ? arpSighting(message.value) : undefined;
  });
  const ndp = open(EtherType.ipv6, (frame) => {
    const message = decodeNdp(frame);
    return message.ok ? ndpSighting(message.value) : undefined;
  });
  const interfaces = network.value.watchInterfaces(() => {});
  if (!interfaces.ok) throw environmentError(interfaces.error.message);
  const own = interfaces.value.list().find(({ name }) => name === interfaceName);
  interfaces.value.close();
  if (own?.mac === undefined) throw environmentError(`${interfaceName} has no MAC`);
  const { mac, addresses: ownAddresses } = own;
  let next: Timer | undefined;
  createInterface(process.stdin).on('line', (line) => {
    const { addresses, every } = JSON.parse(line) as Question;
    next?.stop();
    const round = (): void => {
      for (const address of addresses.map(parseIpAddress)) {
        if (!address.ok) continue;
        if (address.value.family === 'ipv4') arp.send(question4(ownAddresses, mac, address.value));
        else ndp.send(question6(ownAddresses, mac, address.value));
      }
      if (every !== undefined) next = systemClock.startTimer('ask', every, round);
    };
    round();
  });
  emit({ ready: true });
}

function arpSighting({ operation, senderMac, senderIp, targetIp }: ArpFrame): Omit<Sighting, 'at'> {
  const of = (what: Sighting['what'], address: IpAddress): Omit<Sighting, 'at'> => ({
    protocol: 'ARP',
    what,
    address: formatIpAddress(address),
    mac: senderMac,
  });
  if (sameIpAddress(senderIp, targetIp)) return of('announcement', senderIp);
  if (operation === ArpOperation.reply) return of('answer', senderIp);
  return of(senderIp.value === 0n ? 'probe' : 'question', targetIp);
}

function ndpSighting(message: NdpFrame): Omit<Sighting, 'at'> {
  const of = (what: Sighting['what']): Omit<Sighting, 'at'> => ({
    protocol: 'NDP',
    what,
    address: formatIpAddress(message.target),
    mac: message.sourceMac,
  });
  if (message.kind === 'neighbor-advertisement') return of(message.solicited ? 'answer' : 'announcement');
  return of(sameIpAddress(message.source, UNSPECIFIED_IPV6) ? 'probe' : 'question');
}

const ownAddress = (own: readonly InterfaceAddress[], family: IpAddress['family'], otherwise: IpAddress): IpAddress =>
  own.find(({ address }) => address.family === family)?.address ?? otherwise;

function question4(own: readonly InterfaceAddress[], mac: MacAddress, targetIp: IpAddress): Uint8Array {
  return encodeArp({
    source: mac,
    destination: BROADCAST_MAC,
    operation: ArpOperation.request,
    senderMac: mac,
    senderIp: ownAddress(own, 'ipv4', { family: 'ipv4', value: 0n }),
    targetMac: '00:00:00:00:00:00' as MacAddress,
    targetIp,
  });
}

function question6(own: readonly InterfaceAddress[], mac: MacAddress, target: IpAddress): Uint8Array {
  const destination = solicitedNodeGroup(target);
  return encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: mac,
    destinationMac: multicastMac(destination),
    source: ownAddress(own, 'ipv6', UNSPECIFIED_IPV6),
    destination,
    hopLimit: NDP_HOP_LIMIT,
    target,
    sourceLinkLayer: mac,
  });
}
