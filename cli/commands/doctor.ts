/** `doctor`: whether this machine can do what commands need. */
import { isLakefoldError } from '../../lib/core/errors.ts';
import type { Command, CommandContext } from '../command.ts';
import { CHECKS, type Check } from '../doctor-checks.ts';
import { rebuildRegistryCheck } from '../doctor-registry.ts';
import { EXIT } from '../problem-output.ts';

interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export const doctorCommand: Command = {
  name: 'doctor',
  usage: '[--rebuild-registry]',
  positionals: [0, 0],
  summary: 'Checks Node, the file system, LMDB, Parquet, DuckDB, the definitions, the registry and its tables, or the endpoint.',
  options: {
    'rebuild-registry': { kind: 'flag', help: 'list the groups again from their tables, where the registry was lost or can no longer be read' },
  },
  example: 'lakefold doctor',
  run: async (context) => {
    const checks: CheckResult[] = [];
    const { registry, ...first } = CHECKS;
    const all = { ...first, registry: context.args.flag('rebuild-registry') === true ? rebuildRegistryCheck : registry };
    for (const [name, check] of Object.entries(all)) {
      const result = await runCheck(context, name, check);
      if (result !== undefined) checks.push(result);
    }
    const ok = checks.every((check) => check.ok);
    await context.output.value({ ok, checks }, (paint) =>
      checks.map((check) => `${check.ok ? paint('✓', 'green') : paint('✗', 'red')} ${check.name.padEnd(12)} ${check.detail}\n`).join(''),
    );
    return ok ? EXIT.ok : EXIT.error;
  },
};

async function runCheck(context: CommandContext, name: string, check: Check): Promise<CheckResult | undefined> {
  try {
    const detail = await check(context);
    return detail === undefined ? undefined : { name, ok: true, detail };
  } catch (error) {
    return { name, ok: false, detail: isLakefoldError(error) ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error) };
  }
}
