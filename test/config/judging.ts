import { type Judgement, judgeConfig } from '../../src/config/judge.ts';

export const judge = (text: string): Judgement => judgeConfig({ file: 'c.yaml', text });

/** Each problem as "line:column code". */
export const placesOf = ({ problems }: Judgement): readonly string[] =>
  problems.map(({ line, column, code }) => `${line}:${column} ${code}`);

export const codesOf = (judgement: Judgement): readonly string[] => judgement.problems.map(({ code }) => code);

export const errorsOf = ({ problems }: Judgement): readonly string[] =>
  problems.filter(({ severity }) => severity === 'error').map(({ code }) => code);
