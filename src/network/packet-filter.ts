import { LITTLE_ENDIAN } from './host-order.ts';
import type { BpfInstruction } from './ports.ts';

const INSTRUCTION_OCTETS = 8;

/**
 * What every packet socket refuses before the program of its owner is asked: frames for another machine (seen where the
 * interface is promiscuous) and our own. The kernel counts a frame with a VLAN tag as one for another machine unless an
 * interface of that VLAN exists, and then it arrives there, untagged; a tag that is only a priority (VLAN 0) is taken off and is no obstacle.
 */
const FOR_US: readonly BpfInstruction[] = [
  { code: 0x20, jt: 0, jf: 0, k: 0xffff_f004 }, // A = packet type (SKF_AD_OFF + SKF_AD_PKTTYPE)
  { code: 0x35, jt: 0, jf: 1, k: 3 }, // PACKET_OTHERHOST and above: PACKET_OUTGOING, PACKET_LOOPBACK
  { code: 0x06, jt: 0, jf: 0, k: 0 }, // drop
  { code: 0x00, jt: 0, jf: 0, k: 0 }, // A = 0, as every program may expect
];

/** struct sock_filter[] of the program, with `FOR_US` before it. An empty program stays one, which the kernel refuses. */
export const encodeFilter = (program: readonly BpfInstruction[]): Uint8Array =>
  encodeProgram(program.length === 0 ? program : [...FOR_US, ...program]);

/** The same of a program as it is. */
export function encodeProgram(program: readonly BpfInstruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_OCTETS));
  for (const [i, { code, jt, jf, k }] of program.entries()) {
    const at = i * INSTRUCTION_OCTETS;
    view.setUint16(at, code, LITTLE_ENDIAN);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, LITTLE_ENDIAN);
  }
  return new Uint8Array(view.buffer);
}
