import { ByteWriter } from '../../base/byte-writer.ts';
import { CapabilityCode } from './constants.ts';
import type { AddPathFamily, Capability, GracefulRestartCapability, NextHopFamily } from './message.ts';
import { familyOf } from './nlri.ts';
import { uint16At, uint32At } from './octets.ts';
import { utf8Within } from './text.ts';

/**
 * One capability (RFC 5492 §4). Codes that we do not know are kept as they are. Undefined: we know the code, and the value
 * is not what its document says.
 */
export function decodeCapability(code: number, value: Uint8Array): Capability | undefined {
  const { length } = value;
  switch (code) {
    case CapabilityCode.multiprotocol:
      return length === 4 ? { kind: 'multiprotocol', family: familyOf(uint16At(value, 0), value[3]!) } : undefined;
    case CapabilityCode.routeRefresh:
      return length === 0 ? { kind: 'route-refresh' } : undefined;
    case CapabilityCode.extendedNextHop:
      return length % 6 === 0 ? { kind: 'extended-next-hop', families: unitsOf(value, 6, nextHopFamilyAt) } : undefined;
    case CapabilityCode.extendedMessage:
      return length === 0 ? { kind: 'extended-message' } : undefined;
    case CapabilityCode.role:
      return length === 1 ? { kind: 'role', role: value[0]! } : undefined;
    case CapabilityCode.gracefulRestart:
      return length % 4 === 2 ? gracefulRestart(value) : undefined;
    case CapabilityCode.as4:
      return length === 4 ? { kind: 'as4', asn: uint32At(value, 0) } : undefined;
    case CapabilityCode.addPath:
      return length % 4 === 0 ? addPath(code, value) : undefined;
    case CapabilityCode.enhancedRouteRefresh:
      return length === 0 ? { kind: 'enhanced-route-refresh' } : undefined;
    case CapabilityCode.fqdn:
      return fqdn(value);
    default:
      return { kind: 'unknown', code, value };
  }
}

/** Code, length, value. */
export function writeCapability(writer: ByteWriter, capability: Capability): void {
  const value = new ByteWriter();
  writeValue(value, capability);
  if (value.length > 0xff)
    throw new RangeError(`a capability of ${value.length} octets; 255 are possible (RFC 5492 §4)`);
  writer.uint8(codeOf(capability)).uint8(value.length).bytes(value.finish());
}

export function codeOf(capability: Capability): number {
  switch (capability.kind) {
    case 'multiprotocol':
      return CapabilityCode.multiprotocol;
    case 'route-refresh':
      return CapabilityCode.routeRefresh;
    case 'extended-next-hop':
      return CapabilityCode.extendedNextHop;
    case 'extended-message':
      return CapabilityCode.extendedMessage;
    case 'role':
      return CapabilityCode.role;
    case 'graceful-restart':
      return CapabilityCode.gracefulRestart;
    case 'as4':
      return CapabilityCode.as4;
    case 'add-path':
      return CapabilityCode.addPath;
    case 'enhanced-route-refresh':
      return CapabilityCode.enhancedRouteRefresh;
    case 'fqdn':
      return CapabilityCode.fqdn;
    case 'unknown':
      return capability.code;
  }
}

/** IANA's names of those that are known, also where we make nothing of them; undefined for others. */
export const capabilityName = (code: number): string | undefined => NAMES[code];

const NAMES: Readonly<Record<number, string>> = {
  1: 'multiprotocol',
  2: 'route-refresh',
  3: 'outbound-route-filtering',
  5: 'extended-next-hop-encoding',
  6: 'extended-message',
  7: 'bgpsec',
  8: 'multiple-labels',
  9: 'role',
  64: 'graceful-restart',
  65: 'as4',
  67: 'dynamic-capability',
  68: 'multisession',
  69: 'add-path',
  70: 'enhanced-route-refresh',
  71: 'long-lived-graceful-restart',
  72: 'routing-policy-distribution',
  73: 'fqdn',
  74: 'bfd',
  75: 'software-version',
  76: 'paths-limit',
};

/** RFC 4724 §3: R is the highest bit, RFC 8538 §2: N the one below it; F the highest one of each family. */
const RESTARTING = 0x8000;
const NOTIFICATION = 0x4000;
const RESTART_TIME = 0x0fff;
const FORWARDING = 0x80;

function gracefulRestart(value: Uint8Array): GracefulRestartCapability {
  const head = uint16At(value, 0);
  return {
    kind: 'graceful-restart',
    restarting: (head & RESTARTING) !== 0,
    notification: (head & NOTIFICATION) !== 0,
    restartTime: head & RESTART_TIME,
    families: unitsOf(value.subarray(2), 4, (bytes, at) => ({
      family: familyOf(uint16At(bytes, at), bytes[at + 2]!),
      forwarding: (bytes[at + 3]! & FORWARDING) !== 0,
    })),
  };
}

const nextHopFamilyAt = (value: Uint8Array, at: number): NextHopFamily => ({
  family: familyOf(uint16At(value, at), uint16At(value, at + 2)),
  nextHopAfi: uint16At(value, at + 4),
});

const RECEIVE = 1;
const SEND = 2;

/** RFC 7911 §4: with another direction than receive, send or both, it counts as not understood. */
function addPath(code: number, value: Uint8Array): Capability {
  const families = unitsOf(value, 4, (bytes, at): AddPathFamily | undefined => {
    const direction = bytes[at + 3]!;
    if (direction < RECEIVE || direction > (RECEIVE | SEND)) return undefined;
    const family = familyOf(uint16At(bytes, at), bytes[at + 2]!);
    return { family, receive: (direction & RECEIVE) !== 0, send: (direction & SEND) !== 0 };
  });
  const understood = families.filter((family) => family !== undefined);
  return understood.length < families.length
    ? { kind: 'unknown', code, value }
    : { kind: 'add-path', families: understood };
}

const FQDN_PART = 126;

/** Two texts, each behind its length; UTF-8, of which a router's typing error is no reason to refuse the session. */
function fqdn(value: Uint8Array): Capability | undefined {
  if (value.length < 2) return undefined;
  const hostEnd = 1 + value[0]!;
  if (hostEnd + 1 > value.length || hostEnd + 1 + value[hostEnd]! !== value.length) return undefined;
  const text = new TextDecoder();
  return {
    kind: 'fqdn',
    hostName: text.decode(value.subarray(1, hostEnd)),
    domainName: text.decode(value.subarray(hostEnd + 1)),
  };
}

function unitsOf<T>(value: Uint8Array, unit: number, read: (value: Uint8Array, at: number) => T): readonly T[] {
  const list: T[] = [];
  for (let at = 0; at < value.length; at += unit) list.push(read(value, at));
  return list;
}

function writeValue(writer: ByteWriter, capability: Capability): void {
  switch (capability.kind) {
    case 'multiprotocol':
      writer.uint16(capability.family.afi).uint8(0).uint8(capability.family.safi);
      return;
    case 'extended-next-hop':
      for (const { family, nextHopAfi } of capability.families)
        writer.uint16(family.afi).uint16(family.safi).uint16(nextHopAfi);
      return;
    case 'role':
      writer.uint8(capability.role);
      return;
    case 'graceful-restart':
      writer.uint16(
        (capability.restarting ? RESTARTING : 0) |
          (capability.notification ? NOTIFICATION : 0) |
          Math.min(capability.restartTime, RESTART_TIME),
      );
      for (const { family, forwarding } of capability.families)
        writer
          .uint16(family.afi)
          .uint8(family.safi)
          .uint8(forwarding ? FORWARDING : 0);
      return;
    case 'as4':
      writer.uint32(capability.asn);
      return;
    case 'add-path':
      for (const { family, receive, send } of capability.families)
        writer
          .uint16(family.afi)
          .uint8(family.safi)
          .uint8((receive ? RECEIVE : 0) | (send ? SEND : 0));
      return;
    case 'fqdn':
      for (const text of [capability.hostName, capability.domainName]) {
        const bytes = utf8Within(text, FQDN_PART);
        writer.uint8(bytes.length).bytes(bytes);
      }
      return;
    case 'unknown':
      writer.bytes(capability.value);
      return;
    case 'route-refresh':
    case 'extended-message':
    case 'enhanced-route-refresh':
      return;
  }
}
