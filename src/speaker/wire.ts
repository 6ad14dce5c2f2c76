import { parentPort, workerData } from 'node:worker_threads';
import { ms, systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { systemRandom } from '../base/random.ts';
import { nodeDatagrams } from '../network/datagram-socket.ts';
import { giveBackMemory } from '../network/give-back-memory.ts';
import { linuxHopDatagrams } from '../network/hop-datagrams.ts';
import { linuxNetwork } from '../network/linux.ts';
import { framesReceived } from '../network/receive-count.ts';
import { watchStopSignal } from '../network/stop-signal.ts';
import { runPromptly } from '../network/thread.ts';
import { healthCheck } from './health-check.ts';
import type { FromWire, ToWire, WireOptions } from './messages.ts';
import { Wire } from './wire-thread.ts';

/** The worker's entry: builds the wire thread on the real network and joins it to the control thread's messages. */
if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const port = parentPort;
const options = workerData as WireOptions;
const logger = createLogger(options.logLevel, { node: options.node, thread: 'wire' });
/** A data path that has not answered by then does not serve yet. */
const HEALTH_CHECK_PATIENCE = ms(100);

const network = linuxNetwork();
const hops = linuxHopDatagrams(systemRandom);
if (network.ok && hops.ok) {
  const wire = new Wire({
    options,
    network: network.value,
    datagrams: nodeDatagrams(systemClock),
    hops: hops.value,
    clock: systemClock,
    random: systemRandom,
    logger,
    send: (message: FromWire) => port.postMessage(message),
    healthCheck: (checkPort) => healthCheck(checkPort, HEALTH_CHECK_PATIENCE),
    framesReceived,
  });
  const promptly = runPromptly();
  if (promptly !== undefined) logger.debug('the wire thread has a time slice like others', { why: promptly.message });
  // Until the thread ends.
  giveBackMemory(systemClock, 'in-steps');
  // The hand-over must not wait for a control thread that is busy.
  const stopSignal = watchStopSignal(() => wire.stop());
  if (!stopSignal.ok) logger.warn('SIGTERM is heard by the control thread only', { why: stopSignal.error.message });
  port.on('message', (message: ToWire) => wire.receive(message));
  port.postMessage({ kind: 'started' } satisfies FromWire);
} else {
  const message = network.ok ? (hops.ok ? '' : hops.error.message) : network.error.message;
  port.postMessage({ kind: 'failed', message } satisfies FromWire);
}
