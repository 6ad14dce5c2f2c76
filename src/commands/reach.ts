import { request } from 'node:http';
import { type Command, InvalidArgumentError } from 'commander';
import { type Clock, type Milliseconds, ms, seconds, systemClock } from '../base/clock.ts';
import { environmentError, messageOf, systemCodeOf, usageError } from '../base/errors.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import { silentLogger } from '../base/logger.ts';
import { openDirectory, socketFolder, socketsIn } from '../cluster/directory/directory.ts';
import type { AnnotationWriter } from '../cluster/ports.ts';
import { parseDuration } from '../config/duration.ts';
import { type Answer, type ClusterStatus, clusterStatus } from '../status/cluster-status.ts';
import type { StatusQuery, StatusReport } from '../status/report.ts';

/** How a command reaches what runs: it asks every process that listens, and sets annotations that all of them see. */
export interface Reach {
  /** Rejects with a ClarionError where there is nothing to ask. */
  ask(query?: StatusQuery): Promise<readonly Answer[]>;
  readonly annotate: AnnotationWriter['annotate'];
}

/** Where the processes are. */
export interface ReachOptions {
  readonly directory: string | undefined;
}

export const addReachOptions = (command: Command): Command =>
  command.option('--directory <dir>', 'the folder of manifests that the processes work on');

/** A process that is alive answers within milliseconds, also with ten thousand addresses. */
const ANSWER_LIMIT = seconds(2);

export function reach({ directory }: ReachOptions): Reach {
  if (directory === undefined)
    throw usageError('this version reaches processes on a folder of manifests: give --directory DIR');
  const folder = socketFolder(directory);
  return {
    async ask(query = {}) {
      const sockets = socketsIn(folder);
      if (sockets.length === 0)
        throw environmentError(
          `nothing runs on ${directory}: there is no socket in ${folder}. Start clarion standalone or a speaker`,
        );
      return Promise.all(sockets.map(({ name, path }) => askSocket(name, path, query)));
    },
    async annotate(kind, namespace, name, annotations) {
      const cluster = await openDirectory({ directory, clock: systemClock, logger: silentLogger });
      try {
        return await cluster.annotate(kind, namespace, name, annotations);
      } finally {
        await cluster.close();
      }
    },
  };
}

function askSocket(name: string, socketPath: string, { address, holder }: StatusQuery): Promise<Answer> {
  const parameters = new URLSearchParams({
    ...(address === undefined ? {} : { address: formatIpAddress(address) }),
    ...(holder === undefined ? {} : { holder }),
  });
  return new Promise((resolve) => {
    const failed = (error: string): void => resolve({ name, ok: false, error });
    const asked = request(
      // A connection each: one kept for reuse may have been closed meanwhile, while a folder of thousands of files was read.
      { socketPath, path: `/status?${parameters.toString()}`, timeout: ANSWER_LIMIT, agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          body += part;
        });
        response.on('error', (error) => failed(error.message));
        response.on('end', () => {
          if (response.statusCode !== 200) return failed(`it answers ${response.statusCode}: of another version?`);
          try {
            resolve({ name, ok: true, report: JSON.parse(body) as StatusReport });
          } catch (thrown) {
            failed(`its answer is no JSON: ${messageOf(thrown)}`);
          }
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${ANSWER_LIMIT / 1000} s: frozen?`)));
    asked.on('error', (error) =>
      failed(
        systemCodeOf(error) === 'ECONNREFUSED' ? 'not running (it was killed, or its host is gone)' : error.message,
      ),
    );
    asked.end();
  });
}

/** Of what runs, put together. Rejects with a ClarionError where nobody answers. */
export async function statusOf(processes: Reach, query?: StatusQuery): Promise<ClusterStatus> {
  return clusterStatus(await answersOf(processes, query));
}

export async function answersOf(processes: Reach, query?: StatusQuery): Promise<readonly Answer[]> {
  const answers = await processes.ask(query);
  const silent = answers.flatMap((answer) => (answer.ok ? [] : [`${answer.name}: ${answer.error}`]));
  if (silent.length < answers.length) return answers;
  throw environmentError(`nobody answers. ${silent.slice(0, 10).join('. ')}`);
}

/** How often what runs is asked while a command waits: of no consequence to a process with thousands of addresses. */
const LOOK_EVERY = ms(50);

/** What a command that waits is given. */
export interface Waiting {
  readonly reach: Reach;
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  /** Resolves when the user wants no more. */
  readonly interrupted: Promise<'interrupted'>;
  readonly say: (text: string) => void;
}

/** Asks again and again until `look` finds something. */
export async function waitFor<T>(
  { clock, timeout, interrupted }: Waiting,
  look: () => Promise<T | undefined>,
): Promise<{ readonly found: T } | 'timeout' | 'interrupted'> {
  const end = clock.now() + timeout;
  for (;;) {
    const outcome = await Promise.race([interrupted, look()]);
    if (outcome === 'interrupted') return 'interrupted';
    if (outcome !== undefined) return { found: outcome };
    if (clock.now() >= end) return 'timeout';
    const pause = new Promise<void>((resolve) => void clock.startTimer('ask again', LOOK_EVERY, resolve));
    if ((await Promise.race([interrupted, pause])) === 'interrupted') return 'interrupted';
  }
}

/** The first Ctrl-C; a second one ends the process as ever. */
export const interruption = (): Promise<'interrupted'> =>
  new Promise((resolve) => {
    process.once('SIGINT', () => resolve('interrupted'));
  });

export function durationArgument(text: string): Milliseconds {
  const duration = parseDuration(text);
  if (!duration.ok) throw new InvalidArgumentError(duration.error);
  return duration.value;
}
