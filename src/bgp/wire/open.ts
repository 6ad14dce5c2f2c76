import type { ByteWriter } from '../../base/byte-writer.ts';
import { ByteWriter as Writer } from '../../base/byte-writer.ts';
import { decodeCapability, writeCapability } from './capability.ts';
import { BGP_VERSION, ErrorCode, HEADER, MIN_HOLD_TIME, OpenError, OptionalParameter } from './constants.ts';
import type { Capability, DecodedMessage, MessageError, Open } from './message.ts';
import { uint16At, uint32At } from './octets.ts';

/** The sender's AS number, four octets where it offers them (RFC 6793 §3). */
export function asnOf({ as2, capabilities }: Pick<Open, 'as2' | 'capabilities'>): number {
  for (const capability of capabilities) if (capability.kind === 'as4') return capability.asn;
  return as2;
}

/**
 * OPEN (RFC 4271 §4.2) as far as it can be judged alone; whether the AS number and the identifier are those that are expected
 * is for the session. The header and the length of `bytes` were checked before.
 */
export function decodeOpen(bytes: Uint8Array): DecodedMessage {
  const version = bytes[HEADER]!;
  if (version !== BGP_VERSION) {
    const message = `the peer speaks BGP version ${version}, not ${BGP_VERSION} (RFC 4271 §6.2)`;
    const error = openError(OpenError.unsupportedVersion, message, Uint8Array.of(0, BGP_VERSION));
    return { ok: false, error, read: { kind: 'open', version } };
  }
  const parameters = readParameters(bytes);
  const open: Open = {
    kind: 'open',
    as2: uint16At(bytes, HEADER + 1),
    holdTime: uint16At(bytes, HEADER + 3),
    routerId: uint32At(bytes, HEADER + 5),
    capabilities: parameters.capabilities,
  };
  const error = faultOf(open) ?? parameters.error;
  return error === undefined ? { ok: true, message: open } : { ok: false, error, read: { ...open, version } };
}

/** RFC 4271 §6.2, in its order. */
function faultOf(open: Open): MessageError | undefined {
  if (open.as2 === 0 || asnOf(open) === 0)
    return openError(OpenError.badPeerAs, 'the AS number 0 belongs to nobody (RFC 7607 §2)');
  if (open.holdTime !== 0 && open.holdTime < MIN_HOLD_TIME)
    return openError(
      OpenError.unacceptableHoldTime,
      `the hold time is ${open.holdTime} s; 0, or ${MIN_HOLD_TIME} s and more, is possible (RFC 4271 §4.2)`,
    );
  if (open.routerId === 0) return openError(OpenError.badIdentifier, 'the BGP identifier is 0 (RFC 6286 §2.1)');
  return undefined;
}

const NO_DATA = new Uint8Array(0);

const openError = (subcode: number, message: string, data = NO_DATA): MessageError => ({
  handling: 'reset',
  code: ErrorCode.open,
  subcode,
  data,
  message,
});

const malformedParameters = (what: string): MessageError => openError(OpenError.unspecific, `${what} (RFC 5492 §4)`);

interface Parameters {
  readonly capabilities: readonly Capability[];
  readonly error?: MessageError;
}

/** Type, length, value; where the first type is 255 the lengths have two octets (RFC 9072 §2). */
function readParameters(bytes: Uint8Array): Parameters {
  const start = HEADER + 10;
  const length = bytes[start - 1]!;
  const isExtended = length > 0 && bytes[start] === OptionalParameter.extendedLength;
  let at = isExtended ? start + 3 : start;
  const stated = isExtended && at <= bytes.length ? uint16At(bytes, start + 1) : length;
  const capabilities: Capability[] = [];
  if (at + stated !== bytes.length)
    return { capabilities, error: malformedParameters('the optional parameters do not end where the message does') };

  const header = isExtended ? 3 : 2;
  let error: MessageError | undefined;
  while (at < bytes.length) {
    const valueAt = at + header;
    const end = valueAt > bytes.length ? valueAt : valueAt + (isExtended ? uint16At(bytes, at + 1) : bytes[at + 1]!);
    if (end > bytes.length)
      return { capabilities, error: error ?? malformedParameters('an optional parameter goes beyond the end') };
    if (bytes[at] === OptionalParameter.capabilities) error ??= readCapabilities(bytes, valueAt, end, capabilities);
    else
      error ??= openError(
        OpenError.unsupportedParameter,
        `optional parameter ${bytes[at]!} is not known (RFC 4271 §6.2)`,
      );
    at = end;
  }
  return error === undefined ? { capabilities } : { capabilities, error };
}

function readCapabilities(
  bytes: Uint8Array,
  start: number,
  end: number,
  capabilities: Capability[],
): MessageError | undefined {
  let error: MessageError | undefined;
  for (let at = start; at < end; ) {
    const valueAt = at + 2;
    const next = valueAt > end ? valueAt : valueAt + bytes[at + 1]!;
    if (next > end) return error ?? malformedParameters('a capability goes beyond the end of its parameter');
    const code = bytes[at]!;
    const capability = decodeCapability(code, bytes.subarray(valueAt, next));
    if (capability !== undefined) capabilities.push(capability);
    else error ??= malformedParameters(`capability ${code} is malformed`);
    at = next;
  }
  return error;
}

/** All capabilities in one parameter, as RFC 5492 §4 recommends; in the extended form only where it must be (RFC 9072 §2). */
export function writeOpen(writer: ByteWriter, open: Open): void {
  const list = new Writer();
  for (const capability of open.capabilities) writeCapability(list, capability);
  writer.uint8(BGP_VERSION).uint16(open.as2).uint16(open.holdTime).uint32(open.routerId);
  const capabilities = list.finish();
  if (capabilities.length === 0) writer.uint8(0);
  else if (capabilities.length + 2 <= 0xff)
    writer
      .uint8(capabilities.length + 2)
      .uint8(OptionalParameter.capabilities)
      .uint8(capabilities.length);
  else
    writer
      .uint8(0xff)
      .uint8(OptionalParameter.extendedLength)
      .uint16(capabilities.length + 3)
      .uint8(OptionalParameter.capabilities)
      .uint16(capabilities.length);
  writer.bytes(capabilities);
}
