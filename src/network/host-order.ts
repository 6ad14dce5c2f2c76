import { endianness } from 'node:os';

/** The kernel's structures have the machine's own byte order, but for what goes onto the wire. For DataView's last argument. */
export const LITTLE_ENDIAN = endianness() === 'LE';
