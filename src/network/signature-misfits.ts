import { readFileSync } from 'node:fs';

const COUNTERS = ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure'];

/**
 * Segments that the kernel dropped for their TCP-MD5 signature (wrong, missing, or one where none is wanted), in this network
 * namespace since it exists. Nothing tells which socket they were for. 0 where there is no /proc.
 */
export function signatureMisfits(): number {
  // Two lines for each group: its names, then its values.
  const lines = readStatistics().split('\n');
  const names = lines.findIndex((line) => line.startsWith('TcpExt:'));
  const [titles, values] = [lines[names]?.split(' ') ?? [], lines[names + 1]?.split(' ') ?? []];
  return titles.reduce((sum, title, i) => sum + (COUNTERS.includes(title) ? Number(values[i] ?? 0) : 0), 0);
}

function readStatistics(): string {
  try {
    return readFileSync('/proc/thread-self/net/netstat', 'utf8');
  } catch {
    return '';
  }
}
