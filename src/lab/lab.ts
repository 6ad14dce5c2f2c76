import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { type Milliseconds, machineTime, ms, systemClock } from '../base/clock.ts';
import { environmentError } from '../base/errors.ts';
import type { CableEnd, LabPlan } from './plan.ts';

/**
 * A small network inside a private tree (private-tree.ts): namespaces, cables between them, programs in them.
 * Several labs live side by side in one tree, so their namespaces carry the lab's prefix; interfaces do not need one,
 * except those whose end is in the tree's own namespace (`here`), which is where test processes run.
 */
export class Lab {
  readonly prefix: string;
  readonly #namespaces: string[] = [];
  readonly #here: string[] = [];
  readonly #children = new Set<ChildProcess>();

  /** `prefix`: short, unique among the labs of this tree; empty where there is only one. */
  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** The name that `ip netns` knows. */
  namespace(host: string): string {
    return this.prefix === '' ? host : `${this.prefix}-${host}`;
  }

  /** Makes all that the plan says; on failure says which command was refused, and the lab is to be stopped. */
  async build(plan: LabPlan): Promise<void> {
    await this.#batch(
      undefined,
      plan.hosts.map((host) => `netns add ${this.namespace(host)}`),
    );
    this.#namespaces.push(...plan.hosts.map((host) => this.namespace(host)));
    // Link-local addresses are made by the kernel and would be unusable for their first second: no solicitation leaves.
    await Promise.all(plan.hosts.map((host) => this.sysctl(host, { 'net.ipv6.conf.default.accept_dad': 0 })));
    await this.#batch(
      undefined,
      plan.cables.map(([a, b]) => `link add ${this.#place(a)} type veth peer ${this.#place(b)}`),
    );
    const ends = plan.cables.flat();
    this.#here.push(...ends.filter((end) => end.host === undefined).map((end) => end.interface));
    const commands = (host: string | undefined): string[] => [
      ...plan.bridges
        .filter((bridge) => bridge.host === host)
        // Without snooping and delay it forwards everything from its first millisecond, as a plain switch does.
        .flatMap(({ name }) => [
          `link add ${name} type bridge mcast_snooping 0 forward_delay 0`,
          `link set ${name} up`,
        ]),
      ...ends.filter((end) => end.host === host).flatMap(endCommands),
      ...plan.routes.filter((route) => route.host === host).map(({ to, via }) => `route add ${to} via ${via}`),
    ];
    await Promise.all([
      this.#batch(undefined, commands(undefined)),
      ...plan.hosts.map((host) => this.#batch(host, ['link set lo up', ...commands(host)])),
    ]);
    await Promise.all([undefined, ...plan.hosts].map((host) => this.#carries(host, ends)));
  }

  /** `host` undefined: in the tree's own namespace. Throws ClarionError with what the program wrote to stderr. */
  async run(
    host: string | undefined,
    command: readonly string[],
    input?: string,
    limit: Milliseconds = ms(10_000),
  ): Promise<string> {
    const child = this.spawn(host, command, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on('error', () => {}).end(input ?? '');
    const overdue = systemClock.startTimer(`lab ${command[0]}`, limit, () => child.kill('SIGKILL'));
    const outcome = await ended(child);
    overdue.stop();
    if (outcome !== 0)
      throw environmentError(`${this.#describe(host, command)}: ${output.stderr.trim() || `ended with ${outcome}`}`);
    return output.stdout;
  }

  /** Starts a program; `stop` ends it if nobody else has. Its own session, so that a Ctrl-C does not reach it before we do. */
  spawn(host: string | undefined, command: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program, ...args] = host === undefined ? command : ['ip', 'netns', 'exec', this.namespace(host), ...command];
    if (program === undefined) throw new RangeError('no command');
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'inherit'], ...options });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  async nft(host: string, ruleset: string): Promise<void> {
    await this.run(host, ['nft', '-f', '-'], ruleset);
  }

  async sysctl(host: string, settings: Readonly<Record<string, number>>): Promise<void> {
    // Not the program `sysctl`, which a small machine does not have.
    const lines = Object.entries(settings).map(
      ([key, value]) => `echo ${value} >/proc/sys/${key.replaceAll('.', '/')}\n`,
    );
    await this.run(host, ['sh', '-e'], lines.join(''));
  }

  /** Ends what was started here (SIGTERM, after two seconds SIGKILL) and removes namespaces and links. Never throws. */
  async stop(): Promise<void> {
    await Promise.all([...this.#children].map((child) => terminate(child)));
    const removals = [
      ...this.#here.map((name) => `link del ${name}`),
      ...this.#namespaces.map((name) => `netns del ${name}`),
    ];
    // Force: what is gone already is no reason to leave the rest.
    await this.run(undefined, ['ip', '-force', '-batch', '-'], `${removals.join('\n')}\n`).catch(() => {});
    this.#here.length = 0;
    this.#namespaces.length = 0;
  }

  /**
   * Waits until the cables of a host carry frames and its bridges pass them on. The kernel takes up to a second for that
   * after "up" (its link watch is rate-limited), and drops everything silently until then.
   */
  async #carries(host: string | undefined, ends: readonly CableEnd[]): Promise<void> {
    const waiting = new Set(ends.filter((end) => end.host === host).map((end) => end.interface));
    const namespace = host === undefined ? [] : ['-n', this.namespace(host)];
    const limit = machineTime() + 10_000;
    while (waiting.size > 0) {
      const links = JSON.parse(await this.run(undefined, ['ip', ...namespace, '-json', '-details', 'link'])) as Link[];
      for (const link of links)
        if (link.operstate === 'UP' && (link.linkinfo?.info_slave_data?.state ?? 'forwarding') === 'forwarding')
          waiting.delete(link.ifname);
      if (waiting.size > 0 && machineTime() > limit)
        throw environmentError(`the lab's links do not come up: ${host ?? ''} ${[...waiting].join(', ')}`);
    }
  }

  /** One `ip` for many commands: a process for each would cost milliseconds every time. */
  async #batch(host: string | undefined, lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const namespace = host === undefined ? [] : ['-n', this.namespace(host)];
    await this.run(undefined, ['ip', ...namespace, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  #place(end: CableEnd): string {
    const mac = end.mac === undefined ? '' : ` address ${end.mac}`;
    return `name ${end.interface}${mac}${end.host === undefined ? '' : ` netns ${this.namespace(end.host)}`}`;
  }

  #describe(host: string | undefined, command: readonly string[]): string {
    return `${host === undefined ? '' : `in ${host}: `}${command.join(' ')}`;
  }
}

/** As `ip -json -details link` tells it. */
interface Link {
  readonly ifname: string;
  readonly operstate: string;
  readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } };
}

function endCommands(end: CableEnd): string[] {
  return [
    // An end in the tree's own namespace has duplicate address detection on: without `nodad` it costs a second.
    ...(end.addresses ?? []).map(
      (address) => `addr add ${address} dev ${end.interface}${address.includes(':') ? ' nodad' : ''}`,
    ),
    ...(end.bridge === undefined ? [] : [`link set ${end.interface} master ${end.bridge}`]),
    `link set ${end.interface} up`,
  ];
}

/** The exit code, or the name of the signal, or why it could not be started. Resolves also for one that has ended already. */
export function ended(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else if (child.signalCode !== null) resolve(child.signalCode);
    child.once('error', (error) => resolve(error.message));
    // 'close', not 'exit': all output has been read then.
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'nothing'));
  });
}

export async function terminate(child: ChildProcess, patience: Milliseconds = ms(2_000)): Promise<number | string> {
  child.kill('SIGTERM');
  const kill = systemClock.startTimer('lab kill', patience, () => child.kill('SIGKILL'));
  const outcome = await ended(child);
  kill.stop();
  return outcome;
}
