/**
 * Text for people: words in colour where the terminal wants it, and rows in columns. Colour is never the only carrier of
 * a meaning, and is off where NO_COLOR is set or nobody looks (https://no-color.org).
 */
export interface Style {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

const ESCAPE = '\u001b[';
const SEQUENCES = new RegExp(`${'\u001b'}\\[[0-9;]*m`, 'g');
const paint =
  (code: number) =>
  (text: string): string =>
    `${ESCAPE}${code}m${text}${ESCAPE}0m`;
const same = (text: string): string => text;

const colourStyle: Style = { strong: paint(1), faint: paint(2), good: paint(32), bad: paint(31) };
export const plainStyle: Style = { strong: same, faint: same, good: same, bad: same };

/** An empty NO_COLOR counts as not set, as the convention says. */
export function styleFor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Style {
  const wanted = stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  return wanted ? colourStyle : plainStyle;
}

/** Columns on the screen, colour sequences not counted. */
const widthOf = (text: string): number => Array.from(text.replace(SEQUENCES, '')).length;

/** Rows as aligned lines, two blanks between columns, no blanks at the end of a line; each line ends with a newline. */
export function formatTable(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  return rows
    .map((row) => {
      const cells = row.map((cell, i) => cell + ' '.repeat(widths[i]! - widthOf(cell)));
      return `${(indent + cells.join('  ')).trimEnd()}\n`;
    })
    .join('');
}
