#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ClarionError, ExitCode, systemCodeOf } from './base/errors.ts';
import { version } from './commands/version.ts';

/**
 * `clarion <command>`: finds the command and loads only that one, so that `clarion --version` costs no more than Node.
 */
interface CommandModule {
  register(program: Command): void;
}

const commands: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<CommandModule> }>> = {
  standalone: {
    summary: 'controller and speaker in one process, on a folder of manifests; no Kubernetes needed',
    load: () => import('./commands/standalone.ts'),
  },
  controller: { summary: 'assign addresses to Services', load: () => import('./commands/controller.ts') },
  speaker: { summary: 'announce addresses from this node', load: () => import('./commands/speaker.ts') },
  demo: { summary: 'a small data centre on this machine, live', load: () => import('./commands/demo.ts') },
  validate: { summary: 'find the problems in a configuration', load: () => import('./commands/validate.ts') },
  plan: { summary: 'what would be assigned and announced, and why not', load: () => import('./commands/plan.ts') },
  explain: {
    summary: 'why a Service is announced or not, and what to do',
    load: () => import('./commands/explain.ts'),
  },
  status: { summary: 'who holds which address, members, pools, problems', load: () => import('./commands/status.ts') },
  move: { summary: 'hand an address over to another node', load: () => import('./commands/move.ts') },
  drain: { summary: 'let a node hand over all that it holds', load: () => import('./commands/drain.ts') },
  undrain: { summary: 'end the drain of a node', load: () => import('./commands/undrain.ts') },
  migrate: {
    summary: "turn MetalLB's custom resources or ConfigMap into a configuration",
    load: () => import('./commands/migrate.ts'),
  },
  decode: { summary: 'read ARP and NDP messages from hex', load: () => import('./commands/decode.ts') },
  version: { summary: 'print the version', load: () => import('./commands/version.ts') },
};

/** Under the name kubectl-clarion on the PATH it is a plugin: `kubectl clarion status`. */
const calledAs = (path: string): string => (/(^|\/)kubectl-clarion$/.test(path) ? 'kubectl clarion' : 'clarion');

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command(calledAs(process.argv[1] ?? ''))
    .description('LoadBalancer addresses for bare-metal Kubernetes: assigned from pools, announced by ARP, NDP and BGP')
    .version(version)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const wanted = commands[argv.find((argument) => !argument.startsWith('-')) ?? ''];
  if (wanted !== undefined) (await wanted.load()).register(program);
  // The others are here for help and for suggestions only.
  for (const [name, entry] of Object.entries(commands))
    if (entry !== wanted) program.command(name).description(entry.summary);
  await program.parseAsync(argv, { from: 'user' });
}

// A reader that has seen enough (`clarion plan | head`) is no error.
process.stdout.on('error', (error) => {
  if (systemCodeOf(error) === 'EPIPE') process.exit(process.exitCode ?? ExitCode.done);
  throw error;
});

main(process.argv.slice(2)).catch((thrown: unknown) => {
  if (thrown instanceof ClarionError) {
    process.stderr.write(`clarion: ${thrown.message} (exit ${thrown.exitCode})\n`);
    process.exitCode = thrown.exitCode;
  } else if (thrown instanceof CommanderError) {
    // Commander has printed what was wrong, or the help that was asked for.
    process.exitCode = thrown.exitCode === 0 ? ExitCode.done : ExitCode.usage;
  } else {
    process.stderr.write(`clarion: this is a bug in Clarion, please report it with the lines below\n`);
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    process.exitCode = 70;
  }
});
