import { CONTROL_PACKET, SHA1_SECTION, SINGLE_HOP_TTL } from './wire/constants.ts';
import { type Arrival, type ControlPacketMalformed, decodeControlPacket } from './wire/control-packet.ts';

/** Packets as `clarion decode` shows them. */
export type PacketJson = Readonly<Record<string, unknown>>;

/** What is wrong, and which rule says so. A packet that is malformed is discarded, nothing else. */
const MALFORMED: Readonly<Record<ControlPacketMalformed, string>> = {
  ttl: 'the TTL or hop limit is below the least that is accepted, so the packet came from further away',
  truncated: `the packet has fewer octets than it says, or than the ${CONTROL_PACKET} of the mandatory section (RFC 5880 §6.8.6)`,
  version: 'the version is not 1 (RFC 5880 §6.8.6)',
  length: 'the length field is less than 24, or 26 with the A bit (RFC 5880 §6.8.6)',
  'detect-multiplier': 'the detection multiplier is 0 (RFC 5880 §6.8.6)',
  multipoint: 'the multipoint bit is set (RFC 5880 §6.8.6)',
  'my-discriminator': 'My Discriminator is 0 (RFC 5880 §6.8.6)',
  'your-discriminator': 'Your Discriminator is 0, and the state is neither Down nor AdminDown (RFC 5880 §6.8.6)',
  'truncated-authentication': 'the authentication section ends beyond the packet (RFC 5880 §4.1)',
  'authentication-type': 'the authentication type is not one of 1 to 5 (RFC 5880 §4.1)',
  'authentication-length': `the authentication section has a length that its type forbids: 4 to 19 for a password, 24 for MD5, ${SHA1_SECTION} for SHA1 (RFC 5880 §4.2 to §4.4)`,
};

/** A UDP payload; `leastTtl` is 255 for a single hop (RFC 5881 §5). */
export function bfdJson(
  payload: Uint8Array,
  arrival: Arrival = { ttl: SINGLE_HOP_TTL, leastTtl: SINGLE_HOP_TTL },
): PacketJson {
  const read = decodeControlPacket(payload, arrival);
  if (!read.ok) {
    const { reason, read: fields } = read.error;
    const rule = arrival.leastTtl === SINGLE_HOP_TTL ? 'RFC 5881 §5' : 'RFC 5883 §5';
    const message =
      reason === 'ttl' ? `${MALFORMED.ttl}: ${arrival.ttl} < ${arrival.leastTtl} (${rule})` : MALFORMED[reason];
    return { type: 'BFD', error: { handling: 'ignore', reason, message }, ...fields };
  }
  const { diagnostic, state, poll, final, controlPlaneIndependent, authentication, demand, ...rest } = read.value;
  return {
    type: 'BFD',
    version: 1,
    diagnostic,
    state,
    poll,
    final,
    controlPlaneIndependent,
    authentication: authentication === undefined ? null : withHex(authentication),
    demand,
    multipoint: false,
    ...rest,
  };
}

/** Octets that are no text (a password need not be) as hex digits. */
const withHex = (section: object): PacketJson =>
  Object.fromEntries(
    Object.entries(section).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ]),
  );
