import type { Problem } from '../base/problem.ts';
import { type ClusterEvent, OBJECT_KINDS } from '../cluster/ports.ts';

/** More of one pass are in the log and in `clarion status` only. */
const AT_ONCE = 10;

/**
 * Events for problems that lie in an object, so that `kubectl describe` of it says what is wrong: of the ConfigMap above all.
 * What is wrong with a LoadBalancer Service is in its conditions, and in the Events about those.
 */
export function problemEvents(fresh: readonly Problem[]): readonly ClusterEvent[] {
  return fresh.flatMap((problem) => eventOf(problem) ?? []).slice(0, AT_ONCE);
}

function eventOf({ object = '', file, line, column, code, message }: Problem): ClusterEvent | undefined {
  const [, kindText, path = ''] = /^(\w+) (.+)$/.exec(object) ?? [];
  const kind = OBJECT_KINDS.find((one) => one === kindText);
  if (kind === undefined || kind === 'Service') return undefined;
  const slash = path.indexOf('/');
  const regarding = { kind, namespace: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) };
  const reason = kind === 'ConfigMap' ? 'ConfigurationProblem' : 'ObjectProblem';
  return { regarding, type: 'Warning', reason, message: `${file}:${line}:${column}: ${code}: ${message}` };
}
