/**
 * Cuts a stream of text into lines. What arrives in many pieces is looked at once and joined once, so a long line costs no
 * more than its length.
 */
export class LineSplitter {
  readonly #limit: number;
  #parts: string[] = [];
  #length = 0;

  /** `limit`: characters of one line that are kept at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that are complete now; undefined: one is longer than the limit, and nothing more can be read. */
  push(text: string): readonly string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#keep(text.slice(start, end));
      if (this.#length > this.#limit) return undefined;
      lines.push(this.#take());
      start = end + 1;
    }
    this.#keep(text.slice(start));
    return this.#length > this.#limit ? undefined : lines;
  }

  #keep(part: string): void {
    if (part === '') return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  #take(): string {
    const line = this.#parts.length === 1 ? this.#parts[0]! : this.#parts.join('');
    this.#parts = [];
    this.#length = 0;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }
}
