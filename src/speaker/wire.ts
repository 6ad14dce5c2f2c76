import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { systemRandom } from '../base/random.ts';
import { linuxNetwork } from '../network/linux.ts';
import { runPromptly } from '../network/thread.ts';
import type { FromWire, ToWire, WireOptions } from './messages.ts';
import { Wire } from './wire-thread.ts';

/** The worker's entry: builds the wire thread on the real network and joins it to the control thread's messages. */
if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const port = parentPort;
const options = workerData as WireOptions;
const send = (message: FromWire): void => port.postMessage(message);

const network = linuxNetwork();
if (network.ok) {
  const logger = createLogger(options.logLevel, { node: options.node, thread: 'wire' });
  // A wish: where it is refused, answers wait for others now and then.
  const refused = runPromptly();
  if (refused !== undefined) logger.debug('scheduling stays as it is', { why: refused.message });
  const wire = new Wire({ options, network: network.value, clock: systemClock, random: systemRandom, logger, send });
  port.on('message', (message: ToWire) => {
    wire.receive(message);
    if (message.kind === 'stop') port.close();
  });
  send({ kind: 'started' });
} else {
  send({ kind: 'failed', message: network.error.message });
}
