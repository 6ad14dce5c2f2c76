import { createInterface } from 'node:readline';
import { type Milliseconds, machineTime, ms, systemClock } from '../src/base/clock.ts';
import { type IpAddress, parseIpAddress } from '../src/base/ip-address.ts';
import { silentLogger } from '../src/base/logger.ts';
import { systemRandom } from '../src/base/random.ts';
import { Bfd } from '../src/bfd/driver.ts';
import type { BfdSessionConfig } from '../src/bfd/session-config.ts';
import type { SessionState } from '../src/bfd/wire/constants.ts';
import { linuxHopDatagrams } from '../src/network/hop-datagrams.ts';
import { linuxNetwork } from '../src/network/linux.ts';
import { runPromptly } from '../src/network/thread.ts';

/**
 * One end of the sessions of bfd.ts, in a process of its own: BFD as it runs in the wire thread of a speaker, and nothing else.
 * Argument: EndSession[] as JSON. Writes EndEvent lines.
 */
export interface EndSession {
  readonly key: string;
  readonly local: string;
  readonly remote: string;
  readonly interval: number;
}
/** `at`: of the machine. */
export interface EndEvent {
  readonly key: string;
  readonly state: SessionState;
  readonly at: number;
  readonly reason: string | undefined;
}

const address = (text: string): IpAddress => {
  const read = parseIpAddress(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
};

const configOf = ({ key, local, remote, interval }: EndSession): BfdSessionConfig => {
  const each: Milliseconds = ms(interval);
  return {
    key,
    local: address(local),
    remote: address(remote),
    interface: undefined,
    multihop: false,
    timing: {
      receiveInterval: each,
      transmitInterval: each,
      detectMultiplier: 3,
      echoInterval: each,
      echoMode: false,
      passiveMode: false,
      minimumTtl: 254,
    },
    authentication: undefined,
    adminDown: false,
  };
};

const network = linuxNetwork();
const datagrams = linuxHopDatagrams(systemRandom);
if (!network.ok || !datagrams.ok) throw new Error('this needs CAP_NET_RAW and the addon');
runPromptly();
const states = new Map<string, SessionState>();
const bfd = new Bfd({
  network: network.value,
  datagrams: datagrams.value,
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  onReport: (changed) => {
    for (const { key, state, reason } of changed) {
      if (states.get(key) === state) continue;
      states.set(key, state);
      const event: EndEvent = { key, state, at: machineTime(), reason };
      process.stdout.write(`${JSON.stringify(event)}\n`);
    }
  },
});
createInterface(process.stdin).on('close', () => process.exit(0));
bfd.setSessions((JSON.parse(process.argv[2] ?? '[]') as readonly EndSession[]).map(configOf));
