import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { kernelError, loadAddon } from '../../src/network/addon.ts';
import { expectValue, until } from './contract.ts';

/**
 * The addon by itself, on netlink sockets, which need no privilege: asked for a dump of all links, the kernel makes the socket readable.
 */
const FILE = fileURLToPath(new URL('../../dist/native.node', import.meta.url));
const addon = expectValue(loadAddon());
const [AF_NETLINK, SOCK_RAW] = [16, 3];
const EBADF = -9;

/** Plain JavaScript for workers and child processes: a readable netlink socket that polls. */
const PRELUDE = `
const addon = require(${JSON.stringify(FILE)});
const request = Buffer.alloc(32);
request.writeUInt32LE(32, 0);
request.writeUInt16LE(18, 4);
request.writeUInt16LE(0x301, 6);
const buffer = new Uint8Array(65536);
function readable() {
  const fd = addon.socket(16, 3, 0);
  addon.bind(fd, new Uint8Array([16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  if (addon.send(fd, request) !== 32) throw new Error('no request sent');
  return fd;
}
`;

function inProcess(
  script: string,
  flags: readonly string[] = [],
): { status: number | null; stdout: string; stderr: string } {
  const child = spawnSync(process.execPath, [...flags, '-e', PRELUDE + script], { encoding: 'utf8', timeout: 20_000 });
  return { status: child.status, stdout: child.stdout, stderr: child.stderr };
}

const openSockets = (): number => {
  const descriptors = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // The one that listed the folder.
    }
  });
  return descriptors.filter((link) => link.startsWith('socket:')).length;
};

describe('calls', () => {
  test('they return -errno, and say it in words', () => {
    expect(addon.socket(AF_NETLINK, SOCK_RAW, 999)).toBe(-93);
    expect(kernelError(-93, 'open a socket')).toEqual({
      code: 'EPROTONOSUPPORT',
      message: 'cannot open a socket: protocol not supported (EPROTONOSUPPORT)',
    });
    expect(kernelError(-100, 'send on eth0').code).toBe('ENETDOWN');
    expect(kernelError(-3999, 'x').code).toBe('E3999');
    expect(addon.interfaceIndex('no-such-link')).toBe(-19);
    expect(addon.interfaceIndex('a'.repeat(500))).toBe(-19);
    expect(addon.interfaceIndex('lo')).toBeGreaterThan(0);
    expect(addon.interfaceName(addon.interfaceIndex('lo'))).toBe('lo');
    expect(addon.interfaceName(2 ** 31 - 1)).toBeUndefined();
  });

  test('only descriptors of this addon may be used: those of Node and closed ones are refused', () => {
    const fd = addon.socket(AF_NETLINK, SOCK_RAW, 0);
    expect(addon.close(fd)).toBe(0);
    for (const foreign of [0, 1, 2, fd, -1, 100_000, 2 ** 31 - 1]) {
      expect(addon.close(foreign)).toBe(EBADF);
      expect(addon.send(foreign, new Uint8Array(1))).toBe(EBADF);
      expect(addon.receive(foreign, new Uint8Array(1))).toBe(EBADF);
      expect(addon.setsockopt(foreign, 1, 8, 4096)).toBe(EBADF);
      expect(addon.getsockopt(foreign, 1, 8, new Uint8Array(4))).toBe(EBADF);
      expect(addon.bind(foreign, new Uint8Array(12))).toBe(EBADF);
      expect(addon.attachFilter(foreign, new Uint8Array(8))).toBe(EBADF);
      expect(addon.startPolling(foreign, () => {})).toBe(EBADF);
      expect(addon.closeNow(foreign)).toBe(EBADF);
      expect(addon.connect(foreign, new Uint8Array(16))).toBe(EBADF);
      expect(addon.listen(foreign, 1)).toBe(EBADF);
      expect(addon.accept(foreign, new Uint8Array(28))).toBe(EBADF);
      expect(addon.shutdown(foreign, 1)).toBe(EBADF);
      expect(addon.localAddress(foreign, new Uint8Array(28))).toBe(EBADF);
      expect(addon.outstanding(foreign)).toBe(EBADF);
      expect(addon.read(foreign, new Uint8Array(1))).toBe(EBADF);
      expect(addon.sendParts(foreign, [new Uint8Array(1)], 0, 0)).toBe(EBADF);
      expect(addon.receiveHops(foreign, new Uint8Array(64), new Uint8Array(48))).toBe(EBADF);
    }
  });

  test('wrong types are a bug of ours, and thrown', () => {
    const untyped = addon as unknown as Record<string, (...args: unknown[]) => unknown>;
    const fd = addon.socket(AF_NETLINK, SOCK_RAW, 0);
    for (const [call, ...args] of [
      ['socket', 'x'],
      ['close'],
      ['bind', fd, 'address'],
      ['setsockopt', fd, 1, 8, 'x'],
      ['getsockopt', fd, 1],
      ['send', fd, [1, 2]],
      ['send', fd, new Uint16Array(2)],
      ['receive', fd, {}],
      ['attachFilter', fd, new Float64Array(1)],
      ['interfaceIndex', 7],
      ['interfaceName', 'lo'],
      ['connect', fd, 7],
      ['listen', fd],
      ['shutdown', fd, {}],
      ['sendParts', fd, new Uint8Array(1), 0, 0],
      ['sendParts', fd, ['x'], 0, 0],
      ['sendParts', fd, [new Uint8Array(1)], 0, 2],
      ['sendParts', fd, [new Uint8Array(1)], -1, 0],
      ['sendParts', fd, [new Uint8Array(1)], 0, -1],
      ['receiveHops', fd, new Uint8Array(64), new Uint8Array(47)],
      ['receiveHops', fd, new Uint8Array(0), new Uint8Array(48)],
      ['pollFor', {}, 1],
      ['stopPolling', {}],
      ['stopPolling', fd],
      ['stopPolling'],
    ] as const)
      expect(() => untyped[call]?.(...args)).toThrow(TypeError);
    expect(untyped['startPolling']?.(fd, 'no function')).toBe(-22);
    expect(addon.close(fd)).toBe(0);
  });

  test('options are read back as they were set', () => {
    const fd = addon.socket(AF_NETLINK, SOCK_RAW, 0);
    expect(addon.setsockopt(fd, 1, 8, 10_000)).toBe(0);
    const value = new Uint32Array(1);
    expect(addon.getsockopt(fd, 1, 8, new Uint8Array(value.buffer))).toBe(4);
    expect(value[0]).toBe(20_000); // The kernel doubles it, socket(7).
    expect(addon.setsockopt(fd, 1, 8, new Uint8Array(1))).toBe(-22);
    expect(addon.close(fd)).toBe(0);
  });
});

describe('loading', () => {
  test('a missing addon is a value that says what to do', () => {
    const missing = loadAddon('/nowhere/native.node');
    expect(missing).toMatchObject({ ok: false, error: { code: 'ENOENT' } });
    expect(!missing.ok && missing.error.message).toMatch(/nowhere.*is missing; build it with: npm run build/);
  });

  test('one that does not load is a value too', () => {
    const folder = mkdtempSync(join(tmpdir(), 'clarion-addon-'));
    writeFileSync(join(folder, 'native.node'), 'not an ELF file');
    expect(loadAddon(join(folder, 'native.node'))).toMatchObject({ ok: false, error: { code: 'ENOEXEC' } });
    rmSync(folder, { recursive: true });
  });

  test('without CAP_NET_RAW linuxNetwork says in one line what is needed', () => {
    // Who is not root lacks it already; who is must drop it.
    const drop = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'] : ['env'];
    const script = `import('${fileURLToPath(new URL('../../src/network/linux.ts', import.meta.url))}').then(({ linuxNetwork }) => console.log(JSON.stringify(linuxNetwork())));`;
    const tsx = fileURLToPath(new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url));
    const [program, ...rest] = [...drop, process.execPath, '--import', tsx, '-e', script];
    const child = spawnSync(program, rest, { encoding: 'utf8' });
    expect(child.stderr).toBe('');
    expect(JSON.parse(child.stdout)).toEqual({
      ok: false,
      error: {
        code: 'EPERM',
        message: `the speaker needs CAP_NET_RAW to send and answer ARP; run it as root, or: sudo setcap cap_net_raw+ep ${process.execPath}`,
      },
    });
  });
});

describe('polling', () => {
  test('it calls back while there is something to read, and not after it is stopped', () => {
    const { stdout, stderr, status } = inProcess(`
      const fd = readable();
      let calls = 0;
      const poller = addon.startPolling(fd, (error) => {
        calls++;
        if (calls < 3) return; // Level-triggered: what was not read is told again.
        addon.stopPolling(poller);
        addon.stopPolling(poller);
        addon.close(fd);
        setImmediate(() => setImmediate(() => console.log(calls, error)));
      });`);
    expect({ stdout, stderr, status }).toEqual({ stdout: '3 0\n', stderr: '', status: 0 });
  });

  test('a receiving poller calls back with the length of what it has received, and refuses what is no place for it', () => {
    const { stdout, stderr, status } = inProcess(`
      const fd = readable();
      const into = new Uint8Array(4096);
      const poller = addon.startReceiving(fd, (error, length) => {
        addon.stopPolling(poller);
        addon.close(fd);
        console.log(error, length > 0, into.some((octet) => octet !== 0));
      }, into);
      console.log(addon.startReceiving(fd, () => {}, new Uint8Array(0)), addon.startReceiving(fd, () => {}, 'text'));
      console.log(addon.startReceiving(12345, () => {}, into));`);
    expect({ stdout, stderr, status }).toEqual({ stdout: '-22 -22\n-9\n0 true true\n', stderr: '', status: 0 });
  });

  test('a poller that nobody holds is not collected while it polls, and goes after it is stopped', () => {
    const { stdout, stderr, status } = inProcess(
      `
      const fds = Array.from({ length: 200 }, readable);
      let calls = 0;
      let gone = 0;
      const registry = new FinalizationRegistry(() => gone++);
      const stop = [];
      (() => {
        for (const fd of fds) {
          const poller = addon.startPolling(fd, () => {
            calls++;
            while (addon.receive(fd, buffer) > 0);
            if (stop.length > 0) addon.stopPolling(ref.deref());
          });
          const ref = new WeakRef(poller);
          registry.register(poller);
        }
      })();
      const turns = (count, then) => (count === 0 ? then() : setImmediate(() => { gc(); turns(count - 1, then); }));
      turns(10, () => {
        console.log('first', calls, gone);
        stop.push(true);
        for (const fd of fds) addon.send(fd, request);
        turns(10, () => console.log('then', calls, gone >= 199));
      });`,
      ['--expose-gc'],
    );
    expect({ stdout, stderr, status }).toEqual({ stdout: 'first 200 0\nthen 400 true\n', stderr: '', status: 0 });
  });

  test('an exception of the callback is an uncaughtException, and polling goes on', () => {
    const { stdout, stderr, status } = inProcess(`
      const fd = readable();
      let calls = 0;
      process.on('uncaughtException', (error) => console.log('caught', error.message));
      const poller = addon.startPolling(fd, () => {
        if (++calls === 3) addon.stopPolling(poller);
        throw new Error('call ' + calls);
      });`);
    expect(stdout).toBe('caught call 1\ncaught call 2\ncaught call 3\n');
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });

  test('without a handler the exception ends the process, with its message', () => {
    const { stderr, status } = inProcess(
      `addon.startPolling(readable(), () => { throw new Error('of the callback'); });`,
    );
    expect(stderr).toContain('Error: of the callback');
    expect(status).toBeGreaterThan(0);
  });

  test('microtasks and process.nextTick run after each callback', () => {
    const { stdout } = inProcess(`
      const fd = readable();
      const poller = addon.startPolling(fd, () => {
        addon.stopPolling(poller);
        Promise.resolve().then(() => console.log('microtask'));
        process.nextTick(() => console.log('tick'));
      });`);
    expect(stdout).toBe('tick\nmicrotask\n');
  });

  test('a process ends while it polls, and one that polls does not end by itself', () => {
    expect(inProcess(`addon.startPolling(readable(), () => process.exit(7));`).status).toBe(7);
  });
});

describe('worker threads', () => {
  const POLLING = `${PRELUDE}
    const { parentPort } = require('node:worker_threads');
    let calls = 0;
    for (let i = 0; i < 5; i++) {
      const fd = readable();
      addon.startPolling(fd, () => { if (++calls === 50) parentPort.postMessage('polling'); }); // Never reads: called for ever.
    }
    const stopped = readable();
    addon.stopPolling(addon.startPolling(stopped, () => {}));
    addon.close(stopped);`;

  test('terminated while they poll: no crash, nothing left open, thirty times', async () => {
    const before = openSockets();
    const alive = addon.socket(AF_NETLINK, SOCK_RAW, 0);
    for (let round = 0; round < 10; round++) {
      const workers = Array.from({ length: 3 }, () => new Worker(POLLING, { eval: true }));
      await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
      const codes = await Promise.all(workers.map((worker) => worker.terminate()));
      expect(codes).toEqual([1, 1, 1]);
    }
    await until('all are closed', () => openSockets() <= before + 1);
    // The descriptor of this thread was nobody else's to close.
    expect(addon.close(alive)).toBe(0);
  });

  test('terminated inside a callback', async () => {
    for (let round = 0; round < 10; round++) {
      const worker = new Worker(
        `${PRELUDE}
         addon.startPolling(readable(), () => { require('node:worker_threads').parentPort.postMessage('inside'); for (;;); });`,
        { eval: true },
      );
      await new Promise((resolve) => worker.once('message', resolve));
      expect(await worker.terminate()).toBe(1);
    }
  });

  test('process.exit inside a callback ends the thread with that code', async () => {
    const worker = new Worker(`${PRELUDE} addon.startPolling(readable(), () => process.exit(3));`, { eval: true });
    expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(3);
  });

  test("an exception of a callback is the worker's error", async () => {
    const worker = new Worker(`${PRELUDE} addon.startPolling(readable(), () => { throw new RangeError('here'); });`, {
      eval: true,
    });
    const error = await new Promise((resolve) => worker.once('error', resolve));
    expect(error).toMatchObject({ name: 'RangeError', message: 'here' });
  });

  test('a worker ends by itself when it has stopped all polling', async () => {
    const worker = new Worker(
      `${PRELUDE} const fd = readable(); const poller = addon.startPolling(fd, () => { addon.stopPolling(poller); addon.close(fd); });`,
      { eval: true },
    );
    expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(0);
  });
});
