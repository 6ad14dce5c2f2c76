import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { environmentError } from '../base/errors.ts';

/**
 * A private tree: one command with namespaces of its own for users, network, mounts and processes. Inside it the command
 * is root, may make links, `ip netns` and nftables rules, and nothing of that is visible outside.
 * There is no clean-up code: everything dies with pid 1 of the tree, which the kernel ends when `unshare` ends
 * (--kill-child), which it ends when we do (--pdeathsig), whatever ended us.
 * Without root where the host allows user namespaces; where it does not, root can do without one.
 */
const MARK = 'CLARION_PRIVATE_TREE';

/**
 * What pid 1 does first. A tmpfs on /run lets `ip netns` work without root and keeps the host's list of namespaces clean.
 * The mark is its own pid as the host sees it (still to be read in the host's /proc), with which `nsenter` finds the tree.
 * The command is its child and not its successor: pid 1 must reap orphans, and would be deaf to signals without a handler.
 * The empty traps keep the shell from ending with 130 when the command has ended in its own way after a SIGINT.
 */
const PID_1 = `read -r ${MARK} rest </proc/self/stat && export ${MARK} && mount -t proc proc /proc || exit 125
mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/lock && ip link set lo up || exit 125
trap : INT TERM
"$@"
exit $?`;

const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child'];
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export const insidePrivateTree = (): boolean => process.env[MARK] !== undefined;

/** The words before `ip netns exec NAMESPACE COMMAND` that bring another terminal into this tree. */
export function enterCommand(): string {
  // Without a user namespace of its own the tree has the identity map of all 2^32 - 1 ids.
  const withUser = !/\b4294967295\b/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  return `nsenter --target ${process.env[MARK]} ${withUser ? '--user --preserve-credentials ' : ''}--net --mount --pid`;
}

/** The environment with the places where Debian keeps `ip` and `nft`, which are not in every user's PATH. */
function environmentWithTools(): NodeJS.ProcessEnv {
  const path = (process.env['PATH'] ?? '/usr/bin:/bin').split(':');
  return { ...process.env, PATH: [...new Set([...path, '/usr/sbin', '/sbin', '/usr/bin', '/bin'])].join(':') };
}

type Entry =
  | { readonly kind: 'possible'; readonly unshare: readonly string[] }
  | { readonly kind: 'impossible'; readonly reason: string };

/** Tries it for real, since there are many ways to forbid it (sysctl, AppArmor, seccomp) and no common way to ask. */
function findEntry(): Entry {
  const env = environmentWithTools();
  const attempt = (flags: readonly string[]): string | undefined => {
    const made = spawnSync('unshare', [...flags, 'sh', '-c', PID_1, 'sh', 'true'], { env, encoding: 'utf8' });
    if (made.error !== undefined) return made.error.message;
    if (made.status === 0) return undefined;
    const complaint = made.stderr
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^unshare: /, '');
    return complaint || `exit code ${made.status}`;
  };
  const withUser = ['--user', '--map-root-user', ...NAMESPACES];
  const refusal = attempt(withUser);
  if (refusal === undefined) return { kind: 'possible', unshare: withUser };
  if (/\bip: not found/.test(refusal))
    return { kind: 'impossible', reason: 'the program `ip` is missing: apt-get install iproute2' };
  if (/ENOENT/.test(refusal))
    return { kind: 'impossible', reason: 'the program `unshare` is missing: apt-get install util-linux' };
  if (process.geteuid?.() === 0) {
    const asRoot = attempt(NAMESPACES);
    if (asRoot === undefined) return { kind: 'possible', unshare: NAMESPACES };
    return {
      kind: 'impossible',
      reason: `root may not make namespaces here (${asRoot}); in a container, start it with --privileged`,
    };
  }
  return {
    kind: 'impossible',
    reason: `this host forbids user namespaces (${refusal}); run it as root, or allow them: sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 (whichever of the two exists)`,
  };
}

/**
 * Runs the command inside a new private tree with our own stdin, stdout and stderr, and returns its exit code
 * (128 + N when signal N ended it). SIGINT, SIGTERM and SIGHUP that we get are passed on.
 * Throws ClarionError (exit 3) where the host allows no tree.
 */
export async function runInPrivateTree(
  command: readonly string[],
  extraEnvironment: NodeJS.ProcessEnv = {},
): Promise<number> {
  const entry = findEntry();
  if (entry.kind === 'impossible') throw environmentError(`no private network can be made: ${entry.reason}`);
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...entry.unshare, 'sh', '-c', PID_1, 'sh', ...command],
    {
      env: { ...environmentWithTools(), ...extraEnvironment },
      stdio: 'inherit',
      // A session of its own: signals come to it from us alone, once, and not from the terminal a second time.
      detached: true,
    },
  );
  const forward = (signal: NodeJS.Signals): void => {
    // The whole group, as a terminal would; unshare and pid 1 take no notice of these signals.
    if (child.pid !== undefined) process.kill(-child.pid, signal === 'SIGHUP' ? 'SIGTERM' : signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(environmentError(`setpriv cannot be started (apt-get install util-linux): ${cause.message}`, cause)),
      );
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}
