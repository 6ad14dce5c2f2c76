import { describe, expect, it } from 'vitest';
import { formatTable, plainStyle, styleFor } from '../../src/terminal/table.ts';

describe('formatTable', () => {
  it.each([
    ['nothing', [], ''],
    ['one row', [['a', 'b']], 'a  b\n'],
    [
      'columns as wide as their widest cell',
      [
        ['name', 'pool'],
        ['shop/web', 'p'],
      ],
      'name      pool\nshop/web  p\n',
    ],
    [
      'no blanks at the end',
      [
        ['a', ''],
        ['bbb', 'c'],
      ],
      'a\nbbb  c\n',
    ],
    ['rows of different length', [['a'], ['b', 'c', 'd']], 'a\nb  c  d\n'],
    [
      'signs outside ASCII count as one column',
      [
        ['●', 'x'],
        ['ab', 'y'],
      ],
      '●   x\nab  y\n',
    ],
  ])('%s', (_title, rows, text) => {
    expect(formatTable(rows)).toBe(text);
  });

  it('indents every line', () => {
    expect(formatTable([['a'], ['b']], '  ')).toBe('  a\n  b\n');
  });

  it('does not count colour sequences as width', () => {
    const colour = styleFor({ isTTY: true }, {});
    const lines = formatTable([
      [colour.bad('no'), 'x'],
      ['yes', 'y'],
    ]).split('\n');
    expect(lines[0]).toBe(`${colour.bad('no')}   x`);
    expect(lines[1]).toBe('yes  y');
  });
});

describe('styleFor', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
  ])('stream %j with %j: colour %s', (stream, environment, colour) => {
    expect(styleFor(stream, environment) !== plainStyle).toBe(colour);
    expect(styleFor(stream, environment).strong('x') !== 'x').toBe(colour);
  });
});
