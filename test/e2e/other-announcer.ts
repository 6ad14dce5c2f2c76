import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Layer2 } from '../../src/layer2/driver.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { hold, SETTINGS } from '../layer2/scene.ts';

/**
 * A program for a node: stands for a speaker of MetalLB there. It answers for the addresses on its command line with the MAC of the
 * node, asks nobody, and knows nothing of Clarion; it falls silent when it is killed, without a word, as MetalLB does.
 */
const [interfaceName = '', ...addresses] = process.argv.slice(2);
const network = linuxNetwork();
if (!network.ok) throw new Error(network.error.message);
const layer2 = new Layer2({
  network: network.value,
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  interfaces: [interfaceName],
  onReport: () => {},
});
layer2.apply(
  addresses.map((address) => ({ ...hold(address), probe: false })),
  SETTINGS,
);
process.stdout.write('started\n');
