import { describe, expect, it } from 'vitest';
import { formatMs, Progress } from '../../src/terminal/progress.ts';
import { plainStyle } from '../../src/terminal/table.ts';

function told(columns: number | undefined, tell: (progress: Progress) => void): { text: string; progress: Progress } {
  let text = '';
  const progress = new Progress(
    (part) => {
      text += part;
    },
    plainStyle,
    columns,
  );
  tell(progress);
  return { text, progress };
}

describe('Progress', () => {
  it('numbers scenes, and puts what took time at the right edge', () => {
    const { text } = told(60, (progress) => {
      progress.scene('A Service asks', 'shop/web');
      progress.line('controller', '192.0.2.200 from pool public', 3.14);
      progress.scene('It stops', 'SIGTERM');
    });
    expect(text).toBe(
      [
        '',
        '1  A Service asks                                   shop/web',
        '   controller  192.0.2.200 from pool public           3.1 ms',
        '',
        '2  It stops                                          SIGTERM',
        '',
      ].join('\n'),
    );
  });

  it('breaks long lines at blanks, indented below the text, the time on the last', () => {
    const { text } = told(60, (progress) => {
      progress.scene('Long', '');
      progress.line('client', 'a sentence that is certainly too long to stand on one line', 1234);
      progress.line('node-a', 'one that leaves no room for the time it took', 5);
    });
    expect(text.trimEnd().split('\n').slice(2)).toEqual([
      '   client      a sentence that is certainly too long to',
      '               stand on one line                     1234 ms',
      '   node-a      one that leaves no room for the time it took',
      '                                                      5.0 ms',
    ]);
  });

  it.each([undefined, 20, 80, 500])('stays within 60 to 100 columns, on a terminal of %s', (columns) => {
    const { text } = told(columns, (progress) => {
      progress.scene('Words', 'many');
      progress.line('client', 'word '.repeat(60).trim(), 5);
    });
    const longest = Math.max(...text.split('\n').map((line) => line.length));
    expect(longest).toBeLessThanOrEqual(Math.min(100, Math.max(60, columns ?? 80)));
  });

  it('keeps what was told, for those who want it as JSON', () => {
    const { progress } = told(80, (story) => {
      story.scene('A', 'b');
      story.line('client', 'asks');
      story.line('node-a', 'answers', 1.26);
    });
    expect(progress.scenes).toEqual([
      {
        number: 1,
        title: 'A',
        about: 'b',
        lines: [
          { who: 'client', text: 'asks' },
          { who: 'node-a', text: 'answers', ms: 1.3 },
        ],
      },
    ]);
  });

  it('writes milliseconds with a fraction only where it says something', () => {
    expect([0.04, 9.96, 10, 305.4].map(formatMs)).toEqual(['< 0.1 ms', '10 ms', '10 ms', '305 ms']);
  });
});
