import { readFileSync } from 'node:fs';

/** Frames that an interface has received since it exists; undefined: there is no such interface, or no sysfs. */
export function framesReceived(interfaceName: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${interfaceName}/statistics/rx_packets`, 'utf8'));
  } catch {
    return undefined;
  }
}
