/*
 * A long-running fuzzer of what reads BGP: `npx tsx bench/bgp-fuzz.ts [SECONDS] [SEED]` (50 s by default). Valid messages, and
 * those that brought down somebody before, are changed a little and read with every agreement there is; what must hold then is
 * in test/bgp/wire/soundness.ts. What does not hold is printed, put into test/vectors/bgp-crashers.txt, and exits 1.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { seconds, systemClock } from '../src/base/clock.ts';
import type { PeerType, WireContext } from '../src/bgp/wire/message.ts';
import { mutated } from '../test/bgp/wire/mutation.ts';
import { bytesOf, hexOf } from '../test/bgp/wire/octets.ts';
import { unsoundness } from '../test/bgp/wire/soundness.ts';
import { seededRandom } from '../test/support/seeded-random.ts';
import { bgpVectors } from '../test/vectors/bgp.ts';

const crashers = new URL('../test/vectors/bgp-crashers.txt', import.meta.url);
const PEER_TYPES: readonly PeerType[] = ['internal', 'external', 'confederation'];

const duration = seconds(Number(process.argv[2] ?? 50));
const seed = Number(process.argv[3] ?? systemClock.wallTime().getTime());
const random = seededRandom(seed);
const roll = (sides: number): number => Math.floor(random.fraction() * sides);
const flip = (): boolean => roll(2) === 0;

const corpus = [
  ...bgpVectors.map(({ hex }) => hex),
  ...readFileSync(crashers, 'utf8')
    .split('\n')
    .map((line) => line.split('#')[0]!)
    .filter((hex) => hex.trim() !== ''),
].map(bytesOf);

const write = (text: string): void => void process.stdout.write(`${text}\n`);
write(`seed ${seed}, ${corpus.length} messages to begin with`);
const end = systemClock.now() + duration;
let read = 0;
let found = 0;
while (systemClock.now() < end && found < 20)
  for (let i = 0; i < 1000; i++) {
    const bytes = mutated(corpus[roll(corpus.length)]!, roll);
    const context: WireContext = {
      as4: flip(),
      addPath: { ipv4: flip(), ipv6: flip() },
      extendedMessage: flip(),
      extendedNextHop: flip(),
      peerType: PEER_TYPES[roll(3)]!,
    };
    const fault = unsoundness(bytes, context);
    read++;
    if (fault === undefined) continue;
    found++;
    write(`${hexOf(bytes)}\n${JSON.stringify(context)}\n${fault}`);
    appendFileSync(crashers, `${hexOf(bytes)} # found by the fuzzer, seed ${seed}: ${fault.split('\n')[0]!}\n`);
  }
write(`${read.toLocaleString('en')} messages read, ${found} faults found`);
process.exitCode = found > 0 ? 1 : 0;
