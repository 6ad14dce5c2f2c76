import { connect, type Socket } from 'node:net';
import { machineTime } from '../src/base/clock.ts';
import { routerFolder } from '../src/lab/router.ts';
import type { Bench } from './harness.ts';

/** Asks BIRD over its control socket how many routes a protocol has imported: a counter, so it costs BIRD next to nothing. */
export class BirdAsker {
  readonly #socket: Socket;
  #text = '';
  #answered: (text: string) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#text += bytes.toString();
      // The last line of an answer has a code and a blank behind it.
      if (!/^\d{4} [^\n]*\n$/m.test(this.#text.slice(this.#text.lastIndexOf('\n', this.#text.length - 2) + 1))) return;
      const text = this.#text;
      this.#text = '';
      this.#answered(text);
    });
  }

  static async open(bench: Bench): Promise<BirdAsker> {
    const socket = connect(`${routerFolder('bird', bench.lab, 'router')}/ctl`);
    const asker = new BirdAsker(socket);
    await asker.#answer();
    return asker;
  }

  /** When the counter was that: of the machine's clock, in milliseconds. */
  async until(protocol: string, imported: number): Promise<number> {
    const end = machineTime() + 60_000;
    for (;;) {
      const found = await this.imported(protocol);
      const now = machineTime();
      if (found === imported) return now;
      if (now > end) throw new Error(`BIRD has imported ${found}, not ${imported}`);
    }
  }

  async imported(protocol: string): Promise<number> {
    this.#socket.write(`show protocols all ${protocol}\n`);
    return Number(/(\d+) imported/.exec(await this.#answer())?.[1]);
  }

  close(): void {
    this.#socket.destroy();
  }

  #answer(): Promise<string> {
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }
}
