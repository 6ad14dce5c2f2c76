import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LogFields, silentLogger } from '../../../src/base/logger.ts';
import { wordsIn } from '../../../src/cluster/address-words.ts';
import type {
  ApiAnswer,
  ApiClient,
  StatusFailure,
  StreamHandlers,
} from '../../../src/cluster/kubernetes/api-client.ts';
import { ReportFeed } from '../../../src/cluster/kubernetes/report-feed.ts';
import { ReportPull } from '../../../src/cluster/kubernetes/report-pull.ts';
import type { SpeakerPod } from '../../../src/cluster/kubernetes/report-stream.ts';
import type { SpeakerReport } from '../../../src/cluster/ports.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** An API server whose streams a test opens, feeds and ends. */
class Server implements ApiClient {
  readonly streams: { readonly path: string; readonly handlers: StreamHandlers; closed: boolean }[] = [];
  answer: ApiAnswer = { kind: 'ok', code: 200, body: {} };
  async request(): Promise<ApiAnswer> {
    return this.answer;
  }
  stream(path: string, handlers: StreamHandlers) {
    const stream = { path, handlers, closed: false };
    this.streams.push(stream);
    return {
      close: () => {
        stream.closed = true;
      },
    };
  }
  close(): void {}

  /** The latest stream of the Pod, if it is open or being opened. */
  of(pod: string) {
    return this.streams.findLast(({ path, closed }) => !closed && path.includes(`/pods/${pod}:`))!;
  }
  /** The speaker's feed, as the API server passes it on. */
  connect(pod: string, feed: ReportFeed): void {
    const { handlers } = this.of(pod);
    handlers.opened?.();
    feed.follow({
      write(text) {
        for (const line of text.split('\n').slice(0, -1)) handlers.line(line);
        return true;
      },
      on: () => undefined,
      destroy: () => undefined,
    });
  }
}

const UNREACHABLE = { kind: 'unreachable', message: 'refused' } as const;
const refused = (code: number, message = 'no'): StatusFailure => ({
  kind: 'status',
  code,
  reason: '',
  message,
  retryAfter: undefined,
  body: undefined,
});
const report = (node: string, address: string, at = '2026-01-01'): SpeakerReport => ({
  node,
  at,
  addresses: wordsIn([{ address, state: 'announced' }]),
});
const pod = (name: string, uid = name, running = true): SpeakerPod => ({ name, uid, running, port: 7472 });

let clock: VirtualClock;
let server: Server;
let pods: readonly SpeakerPod[] | undefined;
let podsChanged: () => void;
let changes: number;
let warnings: LogFields[];
let pull: ReportPull;

beforeEach(() => {
  clock = new VirtualClock();
  server = new Server();
  pods = [pod('one'), pod('two')];
  changes = 0;
  warnings = [];
  podsChanged = () => {};
});
afterEach(() => {
  pull.stop();
});

function start(): void {
  pull = new ReportPull({
    client: server,
    pods: {
      list: () => pods,
      onChange(changed) {
        podsChanged = changed;
        return () => {};
      },
    },
    namespace: 'clarion-system',
    clock,
    random: seededRandom(1),
    logger: { ...silentLogger, warn: (_message, fields = {}) => warnings.push(fields) },
    changed: () => changes++,
  });
}

function speak(name: string, said: SpeakerReport): ReportFeed {
  const feed = new ReportFeed(clock);
  void feed.publish(said);
  server.connect(name, feed);
  return feed;
}

/** Lets time pass, what is asynchronous included. */
async function pass(time: number): Promise<void> {
  for (let gone = 0; gone < time; gone += 100) {
    clock.advance(100);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

const nodes = (): string[] => pull.reports().map(({ node }) => node);

describe('what is heard', () => {
  test('one stream from each running Pod, through the pod proxy; the latest of every node', () => {
    pods = [pod('one'), pod('two'), pod('gone', 'gone', false)];
    start();
    expect(server.streams.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/clarion-system/pods/one:7472/proxy/report',
      '/api/v1/namespaces/clarion-system/pods/two:7472/proxy/report',
    ]);
    const feed = speak('two', report('node-b', '192.0.2.2'));
    speak('one', report('node-a', '192.0.2.1'));
    void feed.publish(report('node-b', '192.0.2.3'));
    expect(nodes()).toEqual(['node-a', 'node-b']);
    expect(pull.reports().flatMap(({ addresses }) => [...addresses.keys()])).toEqual(['192.0.2.1', '192.0.2.3']);
    expect(pull.reports()).toBe(pull.reports());
    expect(changes).toBeGreaterThanOrEqual(3);
  });

  test('of two Pods that speak of one node, the later word counts', () => {
    start();
    speak('one', report('node-a', '192.0.2.1', '2026-01-02'));
    speak('two', report('node-a', '192.0.2.9', '2026-01-01'));
    expect(pull.reports().map(({ addresses }) => [...addresses.keys()])).toEqual([['192.0.2.1']]);
  });

  test('a report that makes no sense ends the stream, and another is opened', async () => {
    start();
    const first = server.of('one');
    first.handlers.opened?.();
    for (const line of ['event: report', 'data: {', '']) first.handlers.line(line);
    expect(first.closed).toBe(true);
    await pass(500);
    expect(server.of('one')).not.toBe(first);
    first.handlers.line('event: report');
    expect(pull.reports()).toEqual([]);
  });
});

describe('heardAll', () => {
  test('is true once every Pod that runs has said something', () => {
    start();
    speak('one', report('node-a', '192.0.2.1'));
    expect(pull.heardAll()).toBe(false);
    speak('two', report('node-b', '192.0.2.2'));
    expect(pull.heardAll()).toBe(true);
  });

  test('not before the Pods were listed; at once where there is none', () => {
    pods = undefined;
    start();
    expect(pull.heardAll()).toBe(false);
    pods = [];
    podsChanged();
    expect([pull.heardAll(), changes]).toEqual([true, 1]);
  });

  test('10 s are enough, and a Pod that comes later changes nothing', async () => {
    start();
    await pass(9_900);
    expect(pull.heardAll()).toBe(false);
    await pass(100);
    expect([pull.heardAll(), changes]).toEqual([true, 1]);
    pods = [pod('three')];
    podsChanged();
    expect(pull.heardAll()).toBe(true);
  });
});

describe('who drops out', () => {
  beforeEach(() => {
    start();
    speak('one', report('node-a', '192.0.2.1'));
    speak('two', report('node-b', '192.0.2.2'));
  });

  test('at once the one whose Pod is gone, stops running, or is another one of the same name', () => {
    pods = [pod('one'), pod('two', 'another')];
    podsChanged();
    expect(nodes()).toEqual(['node-a']);
    pods = [pod('one', 'one', false)];
    podsChanged();
    expect(nodes()).toEqual([]);
  });

  test('after 10 s the one that the API server cannot reach; it is back with its first word', async () => {
    const failing = setEnding('one', refused(503));
    await pass(9_900);
    expect(nodes()).toEqual(['node-a', 'node-b']);
    await pass(200);
    expect(nodes()).toEqual(['node-b']);
    failing.stop();
    await pass(5_000);
    speak('one', report('node-a', '192.0.2.1'));
    expect(nodes()).toEqual(['node-a', 'node-b']);
  });

  test('nobody while the API server does not answer, however long', async () => {
    server.answer = UNREACHABLE;
    const failing = [setEnding('one', UNREACHABLE), setEnding('two', UNREACHABLE)];
    await pass(60_000);
    expect(nodes()).toEqual(['node-a', 'node-b']);
    for (const one of failing) one.stop();
  });

  test('a stream that hangs while the API server answers about the Pod counts as broken', async () => {
    const failing = setEnding('one', { kind: 'unreachable', message: 'nothing came for 7.5 s' });
    await pass(10_200);
    expect(nodes()).toEqual(['node-b']);
    failing.stop();
  });

  test('tries come ever more rarely, at least every 5 s', async () => {
    const failing = setEnding('one', refused(503));
    await pass(60_000);
    const tries = server.streams.filter(({ path }) => path.includes('/one:')).length;
    expect(tries).toBeGreaterThan(12);
    expect(tries).toBeLessThan(30);
    failing.stop();
  });

  test('a right that is missing is named, once', async () => {
    const failing = setEnding('one', refused(403, 'pods "one" is forbidden'));
    await pass(20_000);
    expect(warnings.filter(({ why }) => why !== undefined)).toEqual([
      {
        pod: 'one',
        why: 'pods "one" is forbidden',
        next: 'give this ServiceAccount get on pods/proxy in clarion-system',
      },
    ]);
    failing.stop();
  });
});

test('who stops closes every stream and leaves no timer', async () => {
  start();
  server.of('one').handlers.ended(refused(503));
  await pass(100);
  pull.stop();
  expect(server.streams.filter(({ closed }) => !closed).map(({ path }) => path.includes('/one:'))).toEqual([true]);
  expect(clock.pending()).toEqual([]);
});

/** Every stream of the Pod, the one that is open too, ends like this. */
function setEnding(name: string, how: Parameters<StreamHandlers['ended']>[0]): { stop(): void } {
  let on = true;
  const ended = new Set<unknown>();
  const end = (): void => {
    const stream = server.of(name);
    if (!on) return;
    if (stream !== undefined && !ended.has(stream)) {
      ended.add(stream);
      stream.handlers.ended(how);
    }
    timer = clock.startTimer('test', 50 as never, end);
  };
  let timer = clock.startTimer('test', 0 as never, end);
  clock.advance(0);
  return {
    stop() {
      on = false;
      timer.stop();
    },
  };
}
