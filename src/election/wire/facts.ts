import type { ByteReader } from '../../base/byte-reader.ts';
import type { ByteWriter } from '../../base/byte-writer.ts';
import { ms } from '../../base/clock.ts';
import { bitsOf } from '../../base/ip-address.ts';
import { macAddressFromBytes, macAddressToBytes } from '../../base/mac-address.ts';
import type { FactInterface, Facts } from '../facts.ts';
import { ALIVE, DRAINING, IPV6, MAX_PAYLOAD, PHYSICAL, SETTLED, STRONG, UP } from './constants.ts';
import { familyFlag, readAddress, readList, readText, writeAddress, writeList, writeText } from './fields.ts';

/** Facts must fit into one payload: this much is left for the interfaces. */
const ROOM = MAX_PAYLOAD - 300;
const MOST_ADDRESSES = 24;

export const factsFlags = ({ draining }: Facts, settled: boolean, strong: boolean): number =>
  (settled ? SETTLED : 0) | (strong ? STRONG : 0) | (draining ? DRAINING : 0);

/** A node with so many interfaces and addresses that they do not fit tells the first ones only. */
export function writeFacts(writer: ByteWriter, { interfaces, apiViewAge, version }: Facts): void {
  writer.uint32(Math.min(0xffffffff, Math.ceil(apiViewAge)));
  writeText(writer, version.slice(0, 64));
  const fitting: FactInterface[] = [];
  let left = ROOM;
  for (const whole of interfaces) {
    const link = { ...whole, addresses: whole.addresses.slice(0, MOST_ADDRESSES) };
    left -= sizeOf(link);
    if (left < 0) break;
    fitting.push(link);
  }
  writeList(writer, fitting, writeInterface);
}

export function readFacts(reader: ByteReader, flags: number): Facts | undefined {
  const apiViewAge = ms(reader.uint32());
  const version = readText(reader);
  const interfaces = readList(reader, readInterface);
  if (version === undefined || interfaces === undefined) return undefined;
  return { interfaces, draining: (flags & DRAINING) !== 0, apiViewAge, version };
}

const sizeOf = ({ name, addresses }: FactInterface): number =>
  10 + name.length + addresses.reduce((sum, { address }) => sum + 2 + bitsOf(address.family) / 8, 0);

function writeInterface(writer: ByteWriter, { name, mac, up, alive, physical, addresses }: FactInterface): void {
  writeText(writer, name);
  writer.bytes(macAddressToBytes(mac));
  writer.uint8((up ? UP : 0) | (alive ? ALIVE : 0) | (physical ? PHYSICAL : 0));
  writeList(writer, addresses, (_, { address, prefixLength }) => {
    writer.uint8(familyFlag(address)).uint8(prefixLength);
    writeAddress(writer, address);
  });
}

function readInterface(reader: ByteReader): FactInterface | undefined {
  const name = readText(reader);
  const mac = reader.bytes(6);
  const flags = reader.uint8();
  const addresses = readList(reader, readInterfaceAddress);
  if (name === undefined || addresses === undefined || mac.length !== 6) return undefined;
  return {
    name,
    mac: macAddressFromBytes(mac),
    up: (flags & UP) !== 0,
    alive: (flags & ALIVE) !== 0,
    physical: (flags & PHYSICAL) !== 0,
    addresses,
  };
}

function readInterfaceAddress(reader: ByteReader): FactInterface['addresses'][number] | undefined {
  const flags = reader.uint8();
  const prefixLength = reader.uint8();
  const address = readAddress(reader, flags & IPV6);
  return prefixLength <= bitsOf(address.family) ? { address, prefixLength } : undefined;
}
