import { machineTime, ms, systemClock } from '../../src/base/clock.ts';
import { type IpAddress, parseIpAddress, sameIpAddress } from '../../src/base/ip-address.ts';
import { BROADCAST_MAC, type MacAddress } from '../../src/base/mac-address.ts';
import { decodeArp, encodeArp } from '../../src/layer2/wire/arp.ts';
import { ArpOperation, EtherType, NDP_HOP_LIMIT } from '../../src/layer2/wire/constants.ts';
import { multicastMac, solicitedNodeGroup } from '../../src/layer2/wire/ipv6.ts';
import { decodeNdp, encodeNdp } from '../../src/layer2/wire/ndp.ts';
import { linuxNetwork } from '../../src/network/linux.ts';

/**
 * A program for the client: asks for one address again and again and prints, as one JSON line, how long each answer took
 * (milliseconds; null where none came within a second).
 *     questions.ts INTERFACE ADDRESS COUNT INTERVAL_MS OWN_MAC OWN_ADDRESS
 */
const [interfaceName = '', target = '', count = '', interval = '', mac = '', own = ''] = process.argv.slice(2);
const address = parsed(target);
const asker = { mac: mac as MacAddress, address: parsed(own) };
const network = linuxNetwork();
if (!network.ok) throw new Error(network.error.message);

let answered = (): void => {};
const isAnswer = (frame: Uint8Array): boolean => {
  if (address.family === 'ipv4') {
    const arp = decodeArp(frame);
    return arp.ok && arp.value.operation === ArpOperation.reply && sameIpAddress(arp.value.senderIp, address);
  }
  const ndp = decodeNdp(frame);
  return (
    ndp.ok &&
    ndp.value.kind === 'neighbor-advertisement' &&
    ndp.value.solicited &&
    sameIpAddress(ndp.value.target, address)
  );
};
const socket = network.value.openFrameSocket(
  {
    interfaceName,
    etherType: address.family === 'ipv4' ? EtherType.arp : EtherType.ipv6,
    filter: [{ code: 0x06, jt: 0, jf: 0, k: 0xffff }],
  },
  {
    frame: (bytes) => {
      if (isAnswer(bytes)) answered();
    },
    error: ({ message }) => {
      throw new Error(message);
    },
  },
);
if (!socket.ok) throw new Error(socket.error.message);

const took: (number | null)[] = [];
for (let i = 0; i < Number(count); i++) {
  const started = machineTime();
  took.push(
    await new Promise<number | null>((resolve) => {
      const late = systemClock.startTimer('no answer', ms(1000), () => resolve(null));
      answered = () => {
        late.stop();
        resolve(machineTime() - started);
      };
      socket.value.send(question());
    }),
  );
  const rest = ms(Math.max(0, started + Number(interval) - machineTime()));
  await new Promise<void>((resolve) => void systemClock.startTimer('next question', rest, resolve));
}
socket.value.close();
process.stdout.write(`${JSON.stringify(took)}\n`);

function question(): Uint8Array {
  if (address.family === 'ipv4')
    return encodeArp({
      source: asker.mac,
      destination: BROADCAST_MAC,
      operation: ArpOperation.request,
      senderMac: asker.mac,
      senderIp: asker.address,
      targetMac: '00:00:00:00:00:00' as MacAddress,
      targetIp: address,
    });
  const destination = solicitedNodeGroup(address);
  return encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: asker.mac,
    destinationMac: multicastMac(destination),
    source: asker.address,
    destination,
    hopLimit: NDP_HOP_LIMIT,
    target: address,
    sourceLinkLayer: asker.mac,
  });
}

function parsed(text: string): IpAddress {
  const value = parseIpAddress(text);
  if (!value.ok) throw new Error(value.error);
  return value.value;
}
