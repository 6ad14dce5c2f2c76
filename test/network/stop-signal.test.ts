import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { machineTime } from '../../src/base/clock.ts';

/**
 * SIGTERM of real processes: a main thread as speakers have one, and a worker that watches through the addon. The worker is
 * plain JavaScript, which does with the addon what network/stop-signal.ts does.
 */
const FILE = fileURLToPath(new URL('../../dist/native.node', import.meta.url));
const WORKER = `
const { writeSync } = require('node:fs');
const { parentPort } = require('node:worker_threads');
const addon = require(${JSON.stringify(FILE)});
const fd = addon.openSignal(15);
addon.startPolling(fd, () => {
  if (addon.receive(fd, new Uint8Array(1)) > 0) writeSync(1, 'worker ' + process.hrtime.bigint() + '\\n');
});
parentPort.postMessage('watching');
`;
const PRELUDE = `
const { Worker } = require('node:worker_threads');
const { writeSync, readFileSync, readdirSync } = require('node:fs');
const addon = require(${JSON.stringify(FILE)});
const say = (text) => writeSync(1, text + '\\n');
const watch = () => new Promise((resolve) => {
  const worker = new Worker(${JSON.stringify(WORKER)}, { eval: true });
  worker.once('message', () => resolve(worker));
});
/** Output of a worker may be on its way. */
const later = () => setTimeout(() => process.exit(0), 300);
function block(ms) { const end = Date.now() + ms; while (Date.now() < end); }
`;

interface Heard {
  readonly who: string;
  /** Since the signal was sent. */
  readonly after: number;
}

/** Runs the script, sends SIGTERM each time it says "now", and returns who said what and when. */
function signalled(
  script: string,
): Promise<{ readonly heard: readonly Heard[]; readonly ended: string | number | null }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', `${PRELUDE}(async () => {${script}})();`]);
    const limit = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const heard: Heard[] = [];
    let sent = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'now') {
        sent = machineTime();
        child.kill('SIGTERM');
        return;
      }
      const [who = '', at] = line.split(' ');
      heard.push({ who, after: at === undefined ? Number.NaN : Number(at) / 1e6 - sent });
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ heard, ended: signal ?? code });
    });
  });
}

describe('SIGTERM', () => {
  test('reaches the watching thread while the main thread computes for 2 s, and the main thread after that', async () => {
    const { heard, ended } = await signalled(`
      process.on('SIGTERM', () => { say('main ' + process.hrtime.bigint()); process.exit(0); });
      await watch();
      say('now');
      block(2000);
    `);
    expect(heard.map(({ who }) => who)).toEqual(['worker', 'main']);
    expect(heard[1]!.after).toBeGreaterThan(1500);
    // 0.2 ms on an idle machine; the bound is for one that runs everything else at once.
    expect(heard[0]!.after).toBeLessThan(100);
    expect(ended).toBe(0);
  });

  test('also when the main thread leaves it to the others', async () => {
    const { heard } = await signalled(`
      process.on('SIGTERM', () => { say('main ' + process.hrtime.bigint()); process.exit(0); });
      addon.avoidSignal(15);
      const blocked = parseInt(/SigBlk:\\s*([0-9a-f]+)/.exec(readFileSync('/proc/thread-self/status', 'utf8'))[1].slice(-8), 16);
      say(blocked & (1 << 14) ? 'avoided' : 'not-avoided');
      await watch();
      say('now');
      block(500);
    `);
    expect(heard.map(({ who }) => who)).toEqual(['avoided', 'worker', 'main']);
    expect(heard[1]!.after).toBeLessThan(100);
  });

  test('again and again', async () => {
    const { heard, ended } = await signalled(`
      let count = 0;
      process.on('SIGTERM', () => { if (++count === 3) later(); else say('now'); });
      await watch();
      say('now');
    `);
    expect(heard.filter(({ who }) => who === 'worker').length).toBe(3);
    expect(ended).toBe(0);
  });

  test('does not end the process while a thread watches, though nobody listens in the main one', async () => {
    const { heard, ended } = await signalled(`
      await watch();
      say('now');
      later();
    `);
    expect(heard.map(({ who }) => who)).toEqual(['worker']);
    expect(ended).toBe(0);
  });

  test('goes to the thread that watched last', async () => {
    const { heard, ended } = await signalled(`
      process.on('SIGTERM', later);
      const first = await watch();
      await first.terminate();
      await watch();
      say('now');
    `);
    expect(heard.map(({ who }) => who)).toEqual(['worker']);
    expect(ended).toBe(0);
  });

  test('ends the process when the thread that watched is gone and nobody else listens', async () => {
    const { heard, ended } = await signalled(`
      const worker = await watch();
      await worker.terminate();
      say('now');
      await new Promise((resolve) => setTimeout(resolve, 5000));
    `);
    expect(heard).toEqual([]);
    expect(ended).toBe('SIGTERM');
  });

  test('SIGINT stays what it is', async () => {
    const { ended } = await signalled(`
      await watch();
      process.kill(process.pid, 'SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 5000));
    `);
    expect(ended).toBe('SIGINT');
  });
});
