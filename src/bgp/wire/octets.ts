import { type IpAddress, ipAddress } from '../../base/ip-address.ts';

/*
 * Reading at an offset in network order, without a reader or a view for every field: a router may send a full table.
 * The caller has checked that the octets are there.
 */

export const uint16At = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

export const uint32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

export const uint64At = (bytes: Uint8Array, at: number): bigint =>
  (BigInt(uint32At(bytes, at)) << 32n) | BigInt(uint32At(bytes, at + 4));

export const ipv4At = (bytes: Uint8Array, at: number): IpAddress => ipAddress('ipv4', BigInt(uint32At(bytes, at)));

export const ipv6At = (bytes: Uint8Array, at: number): IpAddress =>
  ipAddress('ipv6', (uint64At(bytes, at) << 64n) | uint64At(bytes, at + 8));
