import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { seconds } from '../src/base/clock.ts';
import type { DemoResult } from '../src/lab/demo/story.ts';
import { Feed } from '../src/lab/feed.ts';
import { ended } from '../src/lab/lab.ts';
import { privateTree, skipNote } from './support/lab.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

// The bundle as it is (`npm test` builds it first), in a tree of its own inside the tests' tree.
describe.skipIf(!privateTree.inside)(`clarion demo${skipNote}`, () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  function demo(...options: string[]): { child: ChildProcess; output: Feed<string> } {
    expect(existsSync(program), 'the bundle is missing: npm run build').toBe(true);
    const child = spawn(process.execPath, [program, 'demo', ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, [MARK]: 'demo.test' },
    });
    started.push(child);
    const output = new Feed<string>();
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
    return { child, output };
  }

  it('shows every scene and breaks no promise that does not hang on the speed of this machine', async () => {
    const { child, output } = demo('--json');
    const code = await ended(child);
    const text = output.since(0).join('');
    const result = JSON.parse(text) as DemoResult;
    expect(result.failure).toBeUndefined();
    expect(result.scenes.map(({ number }) => number)).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
    expect(result.promises.filter(({ measured }) => measured === null)).toEqual([]);
    const broken = result.promises.filter(({ unit, kept }) => unit === 'count' && !kept);
    expect(broken.filter(({ key }) => !HANG_ON_SPEED.has(key))).toEqual([]);
    const kept = result.promises.filter((outcome) => outcome.kept).length;
    expect(result).toMatchObject({ kept, of: result.promises.length });
    expect(code).toBe(kept === result.of ? 0 : 1);
  }, 180_000);

  it.each([
    { signal: 'SIGINT', code: 130 },
    { signal: 'SIGTERM', code: 143 },
  ] as const)('ends at $signal with $code and leaves no process behind', async ({ signal, code }) => {
    const { child, output } = demo();
    await output.first('the demo is in its second scene', 0, seconds(20), (text) => text.includes('A Service asks'));
    expect(ourProcesses().length).toBeGreaterThan(1);
    child.kill(signal);
    expect(await ended(child)).toBe(code);
    await expect.poll(ourProcesses, { timeout: 5000 }).toEqual([]);
    expect(output.since(0).join('')).not.toContain('\u001b[');
  });
});

/** A machine that stalls a speaker for a quarter of a second fails it over, whatever the scene is about. */
const HANG_ON_SPEED = new Set(['returnMoves', 'restartMoves', 'undrainMoves']);

/** Inherited by everything that the demo starts, and by nothing that another test starts at the same time. */
const MARK = 'CLARION_TEST_OF';

/** Pids of the demo that this file started and of all that it started. */
function ourProcesses(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=demo.test`);
    } catch {
      return false;
    }
  });
}
