import type { ByteWriter } from '../../base/byte-writer.ts';
import { ErrorCode, HEADER, RefreshSubtype, RouteRefreshError } from './constants.ts';
import type { DecodedMessage, RouteRefresh } from './message.ts';
import { familyOf } from './nlri.ts';
import { uint16At } from './octets.ts';

const LENGTH = HEADER + 4;

/** ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2); outbound route filters behind it (RFC 5291) are kept, not read. */
export function decodeRouteRefresh(bytes: Uint8Array): DecodedMessage {
  const subtype = bytes[HEADER + 2]!;
  const base = {
    kind: 'route-refresh',
    family: familyOf(uint16At(bytes, HEADER), bytes[HEADER + 3]!),
    subtype,
  } as const;
  const message: RouteRefresh = bytes.length === LENGTH ? base : { ...base, orf: bytes.subarray(LENGTH) };
  const code = ErrorCode.routeRefresh;
  if (subtype > RefreshSubtype.end) {
    const text = `ROUTE-REFRESH of subtype ${subtype} is ignored (RFC 7313 §5)`;
    const error = { handling: 'ignore', code, subcode: 0, data: bytes.subarray(0, 0), message: text } as const;
    return { ok: true, message, error };
  }
  if (subtype !== RefreshSubtype.request && bytes.length !== LENGTH) {
    const text = `ROUTE-REFRESH of subtype ${subtype} has ${bytes.length - HEADER} octets behind the header, not 4 (RFC 7313 §5)`;
    const subcode = RouteRefreshError.invalidLength;
    return { ok: false, error: { handling: 'reset', code, subcode, data: bytes, message: text }, read: message };
  }
  return { ok: true, message };
}

export function writeRouteRefresh(writer: ByteWriter, { family, subtype, orf }: RouteRefresh): void {
  writer.uint16(family.afi).uint8(subtype).uint8(family.safi);
  if (orf !== undefined) writer.bytes(orf);
}
