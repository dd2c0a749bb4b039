/** `demo` and `conformance`: what they do is loaded only for them. */
import type { Command } from '../command.ts';
import { usageError } from '../arguments.ts';
import { EXIT } from '../problem-output.ts';

const demo: Command = {
  name: 'demo',
  usage: '[--quick]',
  positionals: [0, 0],
  summary: 'The tour: real flights, from files to served vectors and training sets, checked at every step.',
  options: { quick: { kind: 'flag', help: 'a smaller one, under 20 seconds' }, keep: { kind: 'text', value: 'DIR', help: 'leave what it makes there' } },
  example: 'lakefold demo --quick',
  run: async ({ args, output, terminal }) => {
    const { runDemo } = await import('../demo/run.ts');
    const keep = args.text('keep');
    const report = await runDemo({
      quick: args.flag('quick') ?? false,
      json: output.isMachine,
      out: output.isMachine ? terminal.stderr : terminal.stdout,
      ...(keep === undefined ? {} : { keep }),
    });
    if (output.isMachine) await output.value(report, () => '');
    return report.ok ? EXIT.ok : EXIT.error;
  },
};

const conformance: Command = {
  name: 'conformance',
  usage: '--endpoint URL',
  positionals: [0, 0],
  summary: 'Runs the published rules of the semantics against any server.',
  options: {},
  example: 'lakefold conformance --endpoint http://127.0.0.1:6566',
  run: async ({ session, output, terminal }) => {
    const { endpoint, apiKey } = session;
    if (endpoint === undefined) throw usageError('expected --endpoint');
    const { runConformance } = await import('../conformance/run.ts');
    const report = await runConformance({ endpoint, apiKey, out: output.isMachine ? terminal.stderr : terminal.stdout, json: output.isMachine });
    if (output.isMachine) await output.value(report, () => '');
    return report.ok ? EXIT.ok : EXIT.differs;
  },
};

const demoWriter: Command = {
  name: 'demo-writer',
  usage: 'TASK',
  positionals: [1, 1],
  summary: 'A writer of the demo that is there to be killed.',
  options: {},
  isHidden: true,
  example: 'lakefold demo',
  run: async ({ args, terminal }) => {
    const { runDemoWriter } = await import('../demo/writer.ts');
    await runDemoWriter(args.positionals[0] ?? '', terminal.stdout);
  },
};

export const tourCommands: readonly Command[] = [demo, demoWriter, conformance];
