import { hostname, uptime } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { Decoded } from '../base/decoded.ts';
import { ExitCode, environmentError, messageOf } from '../base/errors.ts';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from '../base/logger.ts';
import { systemRandom } from '../base/random.ts';
import { CONTROLLER_LEASE } from '../cluster/lease.ts';
import { type RunningLease, runLease } from '../cluster/lease-driver.ts';
import type { RunningCluster } from '../cluster/ports.ts';
import { Controller } from '../controller/controller.ts';
import { type InventoryTaker, inventoryTaker } from '../inventory/take.ts';
import type { GroupKey } from '../membership/keys.ts';
import { collectEarly, giveBackMemory } from '../network/give-back-memory.ts';
import { linuxNetwork } from '../network/linux.ts';
import { linuxNeighbours } from '../network/neighbour-monitor.ts';
import type { NetworkError } from '../network/ports.ts';
import { linuxStreams } from '../network/stream-network.ts';
import { Speaker } from '../speaker/speaker.ts';
import { WireWorker } from '../speaker/wire-worker.ts';
import { Metrics } from '../status/metrics.ts';
import { type StatusFacts, statusReport } from '../status/report.ts';
import { type Check, StatusServer } from '../status/server.ts';
import { type KeyOptions, membershipKeys, watchMembershipKeys } from './membership-key.ts';
import { openPlace, type Place } from './place.ts';
import { version } from './version.ts';

/**
 * The composition root of the commands that stay: standalone, controller, speaker. Leaves first, passed down, started,
 * and stopped in reverse when a signal comes.
 */
export interface DaemonOptions {
  readonly directory: string | undefined;
  readonly config: string | undefined;
  /** Where Clarion is installed, where that is not the namespace of the ServiceAccount. */
  readonly namespace: string | undefined;
  readonly node: string;
  readonly interface: readonly string[];
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  readonly observe: boolean;
  readonly statusPort: number;
  readonly membershipKeyFile: string | undefined;
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
}

/** A host that is up for so long (seconds) has forwarded all the time that a router keeps routes for. */
const FORWARDING_AFTER = 600;

export interface Roles {
  readonly controller: boolean;
  readonly speaker: boolean;
}

/** The flags that the roles have; the same name means the same everywhere. */
export function addDaemonOptions(command: Command, roles: Roles): Command {
  const repeated = (value: string, before: readonly string[]): string[] => [...before, value];
  command
    .option('--directory <dir>', 'folder of manifests: ConfigMap, Services, EndpointSlices, Nodes')
    .option('--namespace <name>', 'where Clarion is in the cluster (default: the namespace of its ServiceAccount)')
    .option('--load-balancer-class <class>', 'serve Services of this class instead of those without one')
    .option('--ignore-exclude-lb', 'use nodes labelled exclude-from-external-load-balancers too', false)
    .option('--status-port <port>', '/healthz, /readyz, /metrics; 0: not over TCP', portNumber, 7472)
    .addOption(
      new Option('--log-level <level>', 'what is logged, to standard output').choices(LOG_LEVELS).default('info'),
    );
  command.option('--node <name>', 'name of this node, as in the Node objects', hostname());
  if (roles.controller)
    command.option('--config <file>', 'configuration outside of the folder (bare text or ConfigMap)');
  if (roles.speaker)
    command
      .option('--interface <name>', 'use this interface only (may be repeated)', repeated, [])
      .option('--observe', 'watch and report, but answer and announce nothing', false)
      .option('--membership-key-file <file>', 'key of the group of speakers (default: .clarion/membership-key)')
      .option('--insecure', 'speakers talk under a key that everybody knows; for labs', false);
  return command;
}

export async function runDaemon(roles: Roles, options: DaemonOptions): Promise<void> {
  collectEarly();
  const { node, logLevel, statusPort } = options;
  const logger = createLogger(logLevel, { node });
  const place = await openPlace(roles, options, logger);
  const { cluster, socketPath } = place;
  const parts: Parts = { stops: [() => cluster.close()], healthy: [], ready: [place.ready], metrics: new Metrics() };
  if (place.apiState !== undefined) parts.metrics.api(place.apiState);
  const ended = untilSignal();
  try {
    const status = statusServer(place, options, parts, logger);
    parts.stops.push(() => status.stop());
    // Whoever asks while we wait for a key or for an API server is told what for.
    if (statusPort !== 0) await status.listen(statusPort);
    const started = await Promise.race([ended.exitCode, start(roles, options, place, ended, parts, logger)]);
    if (started === 'started') {
      if (socketPath !== undefined) await listenOnSocket(status, socketPath, logger);
      parts.stops.push(giveBackMemory(systemClock, 'at-once'));
      logger.info('started', { version, ...roles, where: place.where });
    }
    process.exitCode = await ended.exitCode;
    logger.info('stopping', { exitCode: process.exitCode });
  } finally {
    for (const stop of parts.stops.reverse()) await stop();
  }
}

/** Resolves when the roles run, or when there is no use in it any more. */
async function start(
  roles: Roles,
  options: DaemonOptions,
  place: Place,
  ended: Ended,
  parts: Parts,
  logger: Logger,
): Promise<'started' | 'stopped'> {
  const { cluster } = place;
  let starting = 'starting';
  parts.ready.push(() => (starting === '' ? [] : [starting]));
  const { node, observe, logLevel } = options;
  const wire = roles.speaker
    ? new WireWorker({ node, version, interfaces: options.interface, observe, logLevel }, logger)
    : undefined;
  parts.stops.push(async () => wire?.terminate());
  await place.synced;
  // The speaker first: of a change that concerns both, what goes to the wire is found before statuses are written.
  const takeInventory = inventoryTaker(options.node);
  const keyOptions: KeyOptions = {
    source: place.keys,
    insecure: options.insecure === true,
    // A controller by itself makes the key that the speakers wait for.
    mayCreate: roles.controller,
    stopped: ended.has,
    clock: systemClock,
    random: systemRandom,
    logger,
  };
  starting = `the membership key has not been read yet: ${place.keys.where}`;
  const coming = membershipKeys(keyOptions);
  // To give addresses no key is needed: only speakers talk under it.
  const keys = roles.speaker ? await coming : undefined;
  if (ended.has()) return 'stopped';
  const speaking =
    keys === undefined || wire === undefined
      ? coming
      : startSpeaker(wire, keys, keyOptions, options, cluster, takeInventory, logger, parts, ended.lost);
  if (roles.controller) startController(roles, options, cluster, takeInventory, logger, parts);
  await speaking;
  starting = '';
  return 'started';
}

function statusServer(place: Place, options: DaemonOptions, parts: Parts, logger: Logger): StatusServer {
  const { node, loadBalancerClass, ignoreExcludeLb, observe } = options;
  return new StatusServer({
    metrics: parts.metrics,
    healthy: () => all(parts.healthy)(),
    ready: () => all(parts.ready)(),
    status: (query) =>
      statusReport(
        {
          node,
          version,
          time: systemClock.wallTime(),
          flags: { loadBalancerClass, ignoreExcludeLb, observe },
          controller: parts.controllerFacts?.(),
          speaker: parts.speakerFacts?.(),
        },
        query,
      ),
    followReport: place.followReport,
    clock: systemClock,
    logger,
  });
}

/** A folder that cannot be written has no socket; its addresses are announced all the same. */
async function listenOnSocket(status: StatusServer, socketPath: () => string, logger: Logger): Promise<void> {
  let path: string;
  try {
    path = socketPath();
  } catch (thrown) {
    const where = 'the socket for commands';
    logger.warn('status server not started; everything else goes on', { where, why: messageOf(thrown) });
    return;
  }
  await status.listen(path);
}

/** What the roles add to the process as they start. */
interface Parts {
  readonly stops: (() => void | Promise<void>)[];
  readonly healthy: Check[];
  readonly ready: Check[];
  readonly metrics: Metrics;
  controllerFacts?: () => StatusFacts['controller'];
  speakerFacts?: () => StatusFacts['speaker'];
}

function startController(
  roles: Roles,
  options: DaemonOptions,
  cluster: RunningCluster,
  takeInventory: InventoryTaker,
  logger: Logger,
  parts: Parts,
): void {
  const { loadBalancerClass, ignoreExcludeLb, node } = options;
  let controller: Controller | undefined;
  let lease: RunningLease | undefined;
  const begin = (): void => {
    controller = new Controller({
      cluster,
      clock: systemClock,
      random: systemRandom,
      logger,
      node,
      loadBalancerClass,
      ignoreExcludeLb,
      takeInventory,
      alone: !roles.speaker,
      mayWrite: () => lease?.valid() ?? true,
    });
  };
  // Of several ways to become active only the last may begin anything.
  let turn = 0;
  const activate = (): void => {
    const mine = ++turn;
    // What the one before wrote last must be seen before anything is decided.
    void cluster.caughtUp().then(() => {
      if (turn === mine) begin();
    });
  };
  const deactivate = async (): Promise<void> => {
    turn++;
    const stopped = controller?.stop();
    controller = undefined;
    await stopped;
  };
  parts.stops.push(deactivate);
  parts.metrics.controller(() => controller?.snapshot());
  parts.controllerFacts = () => controller?.snapshot() ?? 'standby';
  parts.ready.push(() => (controller === undefined || controller.snapshot().effective ? [] : ['no pass finished yet']));
  // A standalone process is the only one of its folder by contract; of several controllers one is active.
  if (roles.speaker) {
    begin();
    return;
  }
  const running = runLease({
    store: cluster,
    name: CONTROLLER_LEASE,
    identity: `${node}/${process.pid}`,
    clock: systemClock,
    random: systemRandom,
    logger,
    onActive: activate,
    onStandby: deactivate,
  });
  lease = running;
  parts.stops.push(() => running.stop());
}

async function startSpeaker(
  wire: WireWorker,
  keys: readonly GroupKey[],
  keyOptions: KeyOptions,
  options: DaemonOptions,
  cluster: RunningCluster,
  takeInventory: InventoryTaker,
  logger: Logger,
  parts: Parts,
  onLost: () => void,
): Promise<void> {
  const { node, observe, loadBalancerClass, ignoreExcludeLb } = options;
  const network = opened(linuxNetwork());
  const links = opened(network.watchInterfaces(() => {}));
  parts.stops.push(() => links.close());
  const speaker = await Speaker.start({
    node,
    wire,
    keys,
    observe,
    cluster,
    clock: systemClock,
    random: systemRandom,
    logger,
    network,
    streams: opened(linuxStreams(systemClock)),
    neighbours: opened(linuxNeighbours()),
    restart: { forwarding: uptime() > FORWARDING_AFTER },
    loadBalancerClass,
    ignoreExcludeLb,
    takeInventory,
    onLost(error) {
      logger.error('the wire thread ended, so this speaker ends', { err: error });
      onLost();
    },
  });
  parts.stops.push(
    () => speaker.stop(),
    watchMembershipKeys(keyOptions, (changed) => speaker.useKeys(changed)),
  );
  parts.speakerFacts = () => ({ ...speaker.snapshot(), interfaces: links.list() });
  parts.metrics.speaker(async () => {
    const counters = await speaker.ping();
    return { ...speaker.snapshot(), counters, bfd: counters?.bfd };
  });
  parts.healthy.push(async () => ((await speaker.ping()) === undefined ? ['the wire thread does not answer'] : []));
  parts.ready.push(() => (speaker.snapshot().configured ? [] : ['no configuration has been published yet']));
}

function opened<T>(made: Decoded<T, NetworkError>): T {
  if (!made.ok) throw environmentError(made.error.message);
  return made.value;
}

interface Ended {
  readonly exitCode: Promise<ExitCode>;
  readonly has: () => boolean;
  readonly lost: () => void;
}

/** SIGTERM is a stop as asked for (0), SIGINT an interruption (130), a lost thread a failure of the environment (3). */
function untilSignal(): Ended {
  let lost = (): void => {};
  let over = false;
  const exitCode = new Promise<ExitCode>((resolve) => {
    lost = () => resolve(ExitCode.environment);
    // Stays: the wire thread's own watch of SIGTERM ends with the last listener here.
    process.on('SIGTERM', () => resolve(ExitCode.done));
    process.once('SIGINT', () => resolve(ExitCode.interrupted));
  });
  void exitCode.then(() => {
    over = true;
  });
  return { exitCode, has: () => over, lost };
}

const all =
  (checks: readonly Check[]): Check =>
  async () =>
    (await Promise.all(checks.map(async (check) => check()))).flat();

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('a port is 0 to 65535');
  return port;
}
