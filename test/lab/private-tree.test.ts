import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { Feed } from '../../src/lab/feed.ts';
import { ended } from '../../src/lab/lab.ts';
import { privateTree, skipNote } from '../support/lab.ts';

// Trees nest, so these run inside the tests' own tree, which proves that one can be made here.
describe.skipIf(!privateTree.inside)(`a private tree${skipNote}`, () => {
  // Of a test that failed halfway.
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  it('passes output and exit code through', async () => {
    const { child, output } = start('echo "$(id -u) $(ip -o link | wc -l)"; exit 7');
    expect(await ended(child)).toBe(7);
    expect(output.since(0).join('')).toBe('0 1\n');
  });

  it('tells the death by a signal as a shell does', async () => {
    expect(await ended(start('kill -9 $$').child)).toBe(128 + 9);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('passes %s on, and the command may end in its own way', async (signal) => {
    const { child, output } = start('trap "echo stopping; exit 5" INT TERM; echo up; while :; do sleep 0.02; done');
    await output.first('the command runs', 0, seconds(10), (text) => text.includes('up'));
    child.kill(signal);
    expect(await ended(child)).toBe(5);
    expect(output.since(0).join('')).toContain('stopping');
  });

  it('is made by root without a user namespace where those are forbidden', async () => {
    const inner = `${process.execPath} --import tsx ${entry} sh -c 'echo "as $(id -u) in $(ip netns add x && ip netns)"'`;
    const { child, output } = start(`echo 0 >/proc/sys/user/max_user_namespaces; ${inner}`);
    expect(await ended(child)).toBe(0);
    expect(output.since(0).join('')).toBe('as 0 in x\n');
  });

  it('where nothing works, says what to do', async () => {
    const inner = `setpriv --bounding-set -all --inh-caps -all ${process.execPath} --import tsx ${entry} true`;
    const { child, output } = start(`echo 0 >/proc/sys/user/max_user_namespaces; ${inner} 2>&1`);
    expect(await ended(child)).not.toBe(0);
    expect(output.since(0).join('')).toContain(
      'root may not make namespaces here (unshare failed: Operation not permitted)',
    );
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'leaves no process behind after %s, not even one that ignores signals',
    async (signal) => {
      const word = `left-behind-${process.pid}-${signal}`;
      // The first argument after the script is a name that shows in the list of processes.
      const { child, output } = start(
        `setsid sh -c "trap '' INT TERM HUP; echo up; while :; do sleep 1000; done" ${word} & sleep 1000`,
      );
      const left = (): string[] => commandLines().filter((line) => line.includes(` ${word} `));
      await output.first('the command runs', 0, seconds(10), (text) => text.includes('up'));
      expect(left()).not.toEqual([]);
      child.kill(signal);
      await ended(child);
      await expect.poll(left, { timeout: 5000 }).toEqual([]);
    },
  );
});

const entry = fileURLToPath(new URL('run-in-tree.ts', import.meta.url));
const started: ChildProcess[] = [];

function start(script: string): { readonly child: ChildProcess; readonly output: Feed<string> } {
  const child = spawn(process.execPath, ['--import', 'tsx', entry, 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const output = new Feed<string>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return { child, output };
}

/** Of every process that we can see; those of inner trees are among them. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
}
