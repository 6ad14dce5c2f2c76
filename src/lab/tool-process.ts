import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { seconds } from '../base/clock.ts';
import { environmentError } from '../base/errors.ts';
import { Feed } from './feed.ts';
import { ended, type Lab } from './lab.ts';

/** A program of tool.ts that runs in a host of the lab: JSON lines in, JSON lines out. */
export interface ToolProcess<Out> {
  readonly seen: Feed<Out>;
  send(message: object): void;
}

/** Bundled, the entry lies beside us as lab-tool.js; from source it is tool.ts, which needs a loader for TypeScript. */
export function toolCommand(...tool: readonly string[]): readonly string[] {
  const bundled = import.meta.url.endsWith('.js');
  const file = fileURLToPath(new URL(bundled ? './lab-tool.js' : './tool.ts', import.meta.url));
  return [process.execPath, ...(bundled ? [] : ['--import', 'tsx']), file, ...tool];
}

/** Returns when the program has said that it is ready; throws ClarionError with its complaint when it ends instead. */
export async function startTool<Out>(lab: Lab, host: string, tool: readonly string[]): Promise<ToolProcess<Out>> {
  const child = lab.spawn(host, toolCommand(...tool), { stdio: ['pipe', 'pipe', 'pipe'] });
  const seen = new Feed<Out>();
  const birth = new Feed<{ readonly failure?: string }>();
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  // A program that has gone shows by what is no longer seen.
  child.stdin?.on('error', () => {});
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const item = JSON.parse(line) as { readonly ready?: true };
      if (item.ready === true) birth.push({});
      else seen.push(item as Out);
    });
  void ended(child).then((outcome) => birth.push({ failure: complaint.trim() || `ended with ${outcome}` }));
  const { failure } = await birth.first(`${tool[0]} starts in ${host}`, 0, seconds(10), () => true);
  if (failure !== undefined) throw environmentError(`${tool[0]} in ${host}: ${failure}`);
  return { seen, send: (message) => void child.stdin?.write(`${JSON.stringify(message)}\n`) };
}
