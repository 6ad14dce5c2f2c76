import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { ms, seconds, systemClock } from '../base/clock.ts';
import { environmentError, messageOf, systemCodeOf } from '../base/errors.ts';
import { silentLogger } from '../base/logger.ts';
import { type DirectoryCluster, openDirectory, socketFolder, socketsIn } from '../cluster/directory/directory.ts';
import { listObjects } from '../cluster/object-lists.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import type { Answer } from '../status/cluster-status.ts';
import type { ExplainedEvent } from '../status/explain.ts';
import type { StatusQuery, StatusReport } from '../status/report.ts';
import { statusPath } from './question.ts';
import type { Look, Reach } from './reach.ts';

/** A process that is alive answers within milliseconds, also with ten thousand addresses. */
const ANSWER_LIMIT = seconds(2);
const EVENTS = 10;

export function reachDirectory(directory: string): Reach {
  const folder = socketFolder(directory);
  const opened = async <T>(use: (cluster: DirectoryCluster) => T | Promise<T>): Promise<T> => {
    const cluster = await openDirectory({ directory, clock: systemClock, logger: silentLogger });
    try {
      return await use(cluster);
    } finally {
      await cluster.close();
    }
  };
  return {
    where: directory,
    askEvery: ms(50),
    async ask(query = {}) {
      const sockets = socketsIn(folder);
      if (sockets.length === 0)
        throw environmentError(
          `nothing runs on ${directory}: there is no socket in ${folder}. Start clarion standalone or a speaker`,
        );
      return Promise.all(sockets.map(({ name, path }) => askSocket(name, path, query)));
    },
    annotate: (kind, namespace, name, annotations) =>
      opened((cluster) => cluster.annotate(kind, namespace, name, annotations)),
    look: () =>
      opened(
        (cluster): Look => ({
          lists: listObjects(cluster),
          effective: cluster.effectiveConfig(),
          problems: cluster.problems(),
        }),
      ),
    secrets: () => opened((cluster) => ({ secrets: cluster.list('Secret'), hidden: [] })),
    events: async (service) => eventsIn(join(directory, '.clarion', 'events.jsonl'), service),
  };
}

function askSocket(name: string, socketPath: string, query: StatusQuery): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (error: string): void => resolve({ name, ok: false, error });
    const asked = request(
      // A connection each: one kept for reuse may have been closed meanwhile, while a folder of thousands of files was read.
      { socketPath, path: statusPath(query), timeout: ANSWER_LIMIT, agent: false },
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

/** Lines of JSON; one that a crash cut short, and all of a file that is not there, are left out. */
function eventsIn(path: string, service: ServiceKey): readonly ExplainedEvent[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const events: ExplainedEvent[] = [];
  for (const line of text.split('\n')) {
    try {
      const { kind, namespace, name, time, type, reason, message } = JSON.parse(line) as Readonly<
        Record<string, string>
      >;
      if (kind !== 'Service' || `${namespace}/${name}` !== service) continue;
      events.push({ time: String(time), type: String(type), reason: String(reason), message: String(message) });
    } catch {}
  }
  return events.slice(-EVENTS);
}
