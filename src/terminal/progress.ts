import type { Style } from './table.ts';

/**
 * A story told while it happens: numbered scenes, in each scene lines of who did what and how long it took.
 * For people as text of at most 100 columns; what was told is kept, for those who want it as JSON.
 */
export interface Scene {
  readonly number: number;
  readonly title: string;
  readonly about: string;
  readonly lines: readonly StoryLine[];
}

export interface StoryLine {
  readonly who: string;
  readonly text: string;
  /** How long it took, in milliseconds, where that means something. */
  readonly ms?: number;
}

export class Progress {
  readonly #write: (text: string) => void;
  readonly #style: Style;
  readonly #width: number;
  readonly #scenes: (Scene & { readonly lines: StoryLine[] })[] = [];

  constructor(write: (text: string) => void, style: Style, columns: number | undefined) {
    this.#write = write;
    this.#style = style;
    this.#width = Math.min(100, Math.max(60, columns ?? 80));
  }

  get scenes(): readonly Scene[] {
    return this.#scenes;
  }

  scene(title: string, about: string): void {
    const number = this.#scenes.length + 1;
    this.#scenes.push({ number, title, about, lines: [] });
    const gap = ' '.repeat(Math.max(2, this.#width - INDENT - title.length - about.length));
    this.#write(`\n${this.#style.strong(`${number}`.padEnd(INDENT) + title)}${gap}${this.#style.faint(about)}\n`);
  }

  line(who: string, text: string, took?: number): void {
    const rounded = took === undefined ? {} : { ms: Math.round(took * 10) / 10 };
    this.#scenes.at(-1)?.lines.push({ who, text, ...rounded });
    const start = INDENT + WHO;
    const lines = wrap(text, this.#width - start);
    if (took !== undefined) lines.push(...withTime(lines.pop() ?? '', formatMs(took), this.#width - start));
    for (const [i, line] of lines.entries())
      this.#write(`${i === 0 ? ' '.repeat(INDENT) + who.padEnd(WHO) : ' '.repeat(start)}${line}\n`);
  }
}

/** The time at the right edge of the line, or of one more where that is full. */
function withTime(line: string, time: string, width: number): string[] {
  const gap = width - line.length - time.length;
  return gap >= 2 ? [line + ' '.repeat(gap) + time] : [line, time.padStart(width)];
}

const INDENT = 3;
const WHO = 12;

export const formatMs = (count: number): string =>
  count < 0.05 ? '< 0.1 ms' : `${count < 9.95 ? count.toFixed(1) : Math.round(count)} ms`;

/** Breaks at blanks; a word that is longer than a line stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || `${last} ${word}`.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
