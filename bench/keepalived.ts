import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { seconds } from '../src/base/clock.ts';
import { environmentError } from '../src/base/errors.ts';
import { Lab } from '../src/lab/lab.ts';
import type { Contender } from './contender.ts';
import { pause } from './harness.ts';
import { FIRST_VIP, NODES, watchAnnouncements } from './lan.ts';

/**
 * keepalived on the same nodes: one VRRP instance, the address on the interface of the master.
 * `default`: what its manual page has as defaults (an advertisement a second, the highest priority takes the address back).
 * `tuned`: VRRP version 3 with 20 ms between advertisements, and `nopreempt`.
 */
export function keepalivedVersion(): string {
  const asked = spawnSync('keepalived', ['--version'], { encoding: 'utf8' });
  if (asked.error !== undefined)
    throw environmentError('keepalived is measured beside Clarion and is not here: apt-get install keepalived');
  return asked.stderr.split('\n')[0] ?? '';
}

const INTERVAL = { default: 1000, tuned: 20 } as const;

export class Keepalived implements Contender {
  readonly name: string;
  readonly lab: Lab;
  readonly #kind: 'default' | 'tuned';
  readonly #running = new Map<string, ChildProcess>();

  constructor(name: string, kind: 'default' | 'tuned') {
    this.name = name;
    this.#kind = kind;
    this.lab = new Lab(name);
  }

  async start(): Promise<void> {
    for (const node of NODES) {
      mkdirSync(this.#folder(node), { recursive: true });
      writeFileSync(`${this.#folder(node)}/keepalived.conf`, this.#configuration(100 + NODES.indexOf(node)));
    }
    const seen = await watchAnnouncements(this.lab);
    await Promise.all(NODES.map((node) => this.revive(node)));
    await seen.first('keepalived announces its address', 0, seconds(10), ({ address }) => address === FIRST_VIP);
    await this.settled();
  }

  /** Its children too: they would say goodbye. */
  kill(node: string): void {
    const { pid } = this.#running.get(node) ?? {};
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    this.#running.delete(node);
  }

  async revive(node: string): Promise<void> {
    if (this.#running.has(node)) return;
    // What the one before left behind.
    await this.lab.run(node, ['ip', '-force', '-batch', '-'], `addr del ${FIRST_VIP}/32 dev eth0\n`).catch(() => {});
    const folder = this.#folder(node);
    const files = ['-f', 'keepalived.conf', '-p', 'pid', '-r', 'vrrp.pid', '-c', 'checkers.pid'];
    const words = files.map((word) => (word.startsWith('-') ? word : `${folder}/${word}`));
    const command = ['keepalived', '--dont-fork', '--log-console', '--vrrp', ...words];
    this.#running.set(node, this.lab.spawn(node, command, { stdio: 'ignore' }));
  }

  /** Master down interval, twice: enough for whoever wants the address back. */
  settled(): Promise<void> {
    return pause(500 + 2 * 3.7 * INTERVAL[this.#kind]);
  }

  #folder(node: string): string {
    return `/run/bench/${this.name}/${node}`;
  }

  #configuration(priority: number): string {
    const tuned = this.#kind === 'tuned';
    return `global_defs {
  ${tuned ? 'vrrp_version 3' : ''}
}
vrrp_instance bench {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  ${tuned ? 'advert_int 0.02\n  nopreempt' : ''}
  virtual_ipaddress {
    ${FIRST_VIP}/32
  }
}
`;
  }
}
